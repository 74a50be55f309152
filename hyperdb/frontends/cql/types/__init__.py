"""CQL's types: the model, their names and options, their values as bytes, text and JSON, their order.

Theory: a value lies in the protocol's bytes; None is null. What works on values is made once for each type and kept (`codec`,
`ordering`, `literals`, `json_text`). Invariant: nothing here knows statements or messages.
"""
