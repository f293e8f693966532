"""What ends with the `with` it was opened in, whatever happened there."""

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """Has `close`, and is closed on leaving its `with`."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Starting(Closing):
    """Is started on entering its `with`; what started only in part is closed too."""

    @abstractmethod
    def start(self) -> None: ...

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self
