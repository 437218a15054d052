import AgentShims
