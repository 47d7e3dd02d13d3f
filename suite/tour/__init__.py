"""The tour: the whole story on a running suite, as any app would live it. Each step proves what it says, or the tour
ends with what did not hold."""
