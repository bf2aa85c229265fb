"""The Qwen families beside Qwen3: their classes, weights of their own kinds, and how clear the choices of their routers are."""

import torch
import transformers

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
}
ZERO_CENTRED = {'qwen3_next', 'qwen3_5', 'qwen3_5_multimodal', 'qwen3_5_moe'}


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
    elif family in ZERO_CENTRED and name.endswith('norm.weight') and not name.endswith('linear_attn.norm.weight'):
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


ROUTERS = {name: measure_softmax for name in ('Qwen3MoeTopKRouter', 'Qwen3NextTopKRouter', 'Qwen3_5MoeTopKRouter')}
