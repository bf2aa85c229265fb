"""The Qwen families beside Qwen3: their classes, weights of their own kinds, and how clear the choices of their routers are."""

import torch
import transformers
from transformers.models.qwen4_exp.configuration_qwen4_exp import Qwen4ExpTextConfig
from transformers.models.qwen4_exp.modeling_qwen4_exp import Qwen4ExpForCausalLM

VISION = {
    'depth': 1,
    'hidden_size': 16,
    'intermediate_size': 16,
    'num_heads': 2,
    'out_hidden_size': 32,
    'num_position_embeddings': 16,
    'patch_size': 2,
    'temporal_patch_size': 1,
}


def multimodal_config(attn_implementation, experts_implementation, **fields):
    """The text model with a tower that sees pictures, in which its fields are nested."""
    implementation = {'attn_implementation': attn_implementation, 'experts_implementation': experts_implementation}
    tied = fields.pop('tie_word_embeddings')
    return transformers.Qwen3_5Config(text_config=fields, vision_config=VISION, tie_word_embeddings=tied, **implementation)


CLASSES = {
    'qwen2': (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    'qwen3_moe': (transformers.Qwen3MoeConfig, transformers.Qwen3MoeForCausalLM),
    'qwen3_next': (transformers.Qwen3NextConfig, transformers.Qwen3NextForCausalLM),
    'qwen3_5': (transformers.Qwen3_5TextConfig, transformers.Qwen3_5ForCausalLM),
    'qwen3_5_multimodal': (multimodal_config, transformers.Qwen3_5ForConditionalGeneration),
    'qwen3_5_moe': (transformers.Qwen3_5MoeTextConfig, transformers.Qwen3_5MoeForCausalLM),
    'qwen4_exp': (Qwen4ExpTextConfig, Qwen4ExpForCausalLM),
}
ZERO_CENTRED = {'qwen3_next', 'qwen3_5', 'qwen3_5_multimodal', 'qwen3_5_moe', 'qwen4_exp'}
NORMS = ('norm.weight', 'norm_key.weight', 'norm_query.weight', 'norm_conv.weight')


def fill(name, tensor, family):
    """Fills what other families do not have; whether it did."""
    if name.endswith('_proj.bias'):
        tensor.normal_(0, 0.5)
    elif name.endswith('A_log'):
        tensor.uniform_(0.02, 2).log_()  # a token keeps from nearly all to little of the state
    elif name.endswith('dt_bias'):
        tensor.uniform_(-3, 1)
    elif name.endswith('conv1d.weight'):
        tensor.normal_(0, 0.7)
    elif name.endswith('ngram_embedding.weight'):
        tensor.normal_(0, 1)
    elif family in ZERO_CENTRED and name.endswith(NORMS) and not name.endswith('linear_attn.norm.weight'):
        tensor.uniform_(-0.5, 1.0)
    else:
        return False
    return True


def measure_softmax(router, x, experts):
    """How narrow the choices are, and how many a sum would get wrong that is not divided by."""
    scores = (x.double() @ router.weight.double().T).softmax(-1)
    ordered = scores.sort(-1, descending=True)
    assert ordered.indices[:, : router.top_k].sort(-1).values.tolist() == experts.tolist()
    gaps = ordered.values[:, router.top_k - 1] - ordered.values[:, router.top_k]
    return {'choices': len(x), 'margin': gaps.min().item()}


ROUTERS = {name: measure_softmax for name in ('Qwen3MoeTopKRouter', 'Qwen3NextTopKRouter', 'Qwen3_5MoeTopKRouter', 'Qwen4ExpTextTopKRouter')}


def rotate(x, cos, sin):
    """The first channels of x (…,K), halves together."""
    rotated, rest = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
    first, second = rotated.chunk(2, -1)
    return torch.cat([rotated * cos + torch.cat([-second, first], -1) * sin, rest], -1)


def measure_blocks(indexer, x, cos, sin):
    """How narrow the choices of blocks are, and how many tokens would see others under a wrong rule."""
    heads, ratio, count = indexer.index_n_heads, indexer.compress_ratio, indexer.block_topk
    qk = indexer.index_qk_proj(x).unflatten(-1, (heads + 1, -1))
    q = rotate(indexer.q_layernorm(qk[:, :heads]).double(), cos[:, None], sin[:, None])
    blocks = len(x) // ratio
    raw = qk[: blocks * ratio, heads].unflatten(0, (blocks, ratio))
    first = torch.arange(blocks) * ratio

    def best(keys, at, relu=torch.relu):
        keys = rotate(keys.double(), cos[at], sin[at])
        scores = relu(torch.einsum('thk,sk->ths', q, keys)).sum(1)
        seen = [(t, row[: (t + 1) // ratio]) for t, row in enumerate(scores) if (t + 1) // ratio > count]
        ordered = [row.sort(descending=True).values for _, row in seen]
        return [sorted(row.topk(count).indices.tolist()) for _, row in seen], min((row[count - 1] - row[count]).item() for row in ordered)

    chosen, margin = best(indexer.k_layernorm(raw.mean(1)), first)

    def wrong(*others, **rule):
        return sum(one != other for one, other in zip(chosen, best(*others, **rule)[0]))

    return {
        'choices': len(chosen),
        'margin': margin,
        'wrongIfNormalisedFirst': wrong(indexer.k_layernorm(raw).mean(1), first),
        'wrongIfRotatedAtLast': wrong(indexer.k_layernorm(raw.mean(1)), first + ratio - 1),
        'wrongWithoutRelu': wrong(indexer.k_layernorm(raw.mean(1)), first, relu=lambda s: s),
    }


def measure_indexers(model, tokens):
    """Of each indexer of blocks, in the order of layers."""
    found = []

    def record(indexer, inputs, _mask):
        x, (cos, sin) = inputs[0][0], inputs[1]
        found.append(measure_blocks(indexer, x, cos[0].double(), sin[0].double()))

    indexers = [m for m in model.modules() if type(m).__name__ == 'Qwen4ExpTextQSAIndexer']
    hooks = [indexer.register_forward_hook(record) for indexer in indexers]
    with torch.no_grad():
        model(torch.tensor([tokens]), use_cache=False)
    for hook in hooks:
        hook.remove()
    return found
