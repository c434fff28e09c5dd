"""The sandbox: faults injected on purpose, so that people can test their clients."""
