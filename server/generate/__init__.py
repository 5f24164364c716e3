"""From a prompt to a stream of text: by a model in this process, or without one."""
