"""A fine-tuned model as Hugging Face's libraries save it: a folder of config, tokenizer and safetensors."""
