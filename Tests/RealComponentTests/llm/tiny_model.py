"""Writes a language model of random weights in GGUF: it says noise, and the server around it is the real one. Nothing is
downloaded, nothing is trained.  tiny_model.py OUT.gguf"""
import sys

import gguf
import numpy

random = numpy.random.default_rng(1)
WIDTH, INNER, HEADS, CONTEXT = 64, 128, 2, 512
types = gguf.TokenType
tokens = [("<unk>", types.UNKNOWN), ("<s>", types.CONTROL), ("</s>", types.CONTROL)]
tokens += [(f"<0x{byte:02X}>", types.BYTE) for byte in range(256)]
characters = "\u2581abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789{}[]\":-_"
words = "\u2581the \u2581a \u2581task \u2581file \u2581is \u2581ok \u2581not \u2581done \u2581run . , \u2581one \u2581two".split()
tokens += [(token, types.NORMAL) for token in [*characters, *words]]

writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_name("tiny")
writer.add_context_length(CONTEXT)
writer.add_embedding_length(WIDTH)
writer.add_block_count(1)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_vocab_size(len(tokens))
writer.add_file_type(gguf.LlamaFileType.ALL_F32)
writer.add_tokenizer_model("llama")
writer.add_tokenizer_pre("default")
writer.add_token_list([token.encode() for token, _ in tokens])
writer.add_token_scores([0.0] * len(tokens))
writer.add_token_types([type_ for _, type_ in tokens])
writer.add_unk_token_id(0)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_add_bos_token(True)
writer.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:")


def add(name, *shape, scale=None):
    values = random.normal(0, 0.3, shape) if scale is None else numpy.full(shape, scale)
    writer.add_tensor(name, values.astype(numpy.float32))


add("token_embd.weight", len(tokens), WIDTH)
add("output_norm.weight", WIDTH, scale=1)
head = random.normal(0, 0.3, (len(tokens), WIDTH)).astype(numpy.float32)
# Bare bytes are said rarely, and what is no text never.
head[3:259] *= 0.05
head[0:2] = 0
writer.add_tensor("output.weight", head)
add("blk.0.attn_norm.weight", WIDTH, scale=1)
add("blk.0.ffn_norm.weight", WIDTH, scale=1)
for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
    add(f"blk.0.{part}.weight", WIDTH, WIDTH)
add("blk.0.ffn_gate.weight", INNER, WIDTH)
add("blk.0.ffn_up.weight", INNER, WIDTH)
add("blk.0.ffn_down.weight", WIDTH, INNER)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
