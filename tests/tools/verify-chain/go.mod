module registry-node-agent.internal/tools/verify-chain

go 1.26.0
