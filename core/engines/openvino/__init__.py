"""The OpenVINO engine: graphs built node by node from our torch modules."""
