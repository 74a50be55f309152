"""CQL: Cassandra's native protocol and language over the shared catalog.

Theory: values travel as the bytes of the protocol from the client to the store and back; Python decodes what a function, a
condition or JSON needs. Invariant: nothing here imports another language's folder.
"""
