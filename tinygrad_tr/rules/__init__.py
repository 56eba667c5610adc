"""The derivative table: every rule of the library, by family."""
