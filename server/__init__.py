"""풋풋이's service: documents → passages → index → retrieve → prompt → generate → persona → stream."""
