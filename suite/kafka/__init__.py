"""Apache Kafka: which brokers the services are told of, and one of our own, from packages, where one is wanted."""
