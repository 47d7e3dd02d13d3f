"""How Watchword behaves when its logs have grown: a believable history of any size, and what is measured on it."""
