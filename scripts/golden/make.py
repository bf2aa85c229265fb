"""Makes test/golden/: tiny checkpoints with random weights, and what transformers computes with them.

  python scripts/golden/make.py [MODEL...]      the models of models.json; README.md says what each is for and what is in a folder

The arithmetic is float32 throughout, attention and experts in their plain (eager) form; weights are
rounded to the format they are stored in before they are used.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy
import safetensors
import torch
import transformers

import deepseek
import mtp
import qwen

OUT = Path(__file__).resolve().parents[2] / 'test' / 'golden'
SPECS = json.loads(Path(__file__).with_name('models.json').read_text())
CLASSES = {
    'qwen3': (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
    'deepseek_v3': (transformers.DeepseekV3Config, transformers.DeepseekV3ForCausalLM),
    **deepseek.CLASSES,
    **qwen.CLASSES,
}
SEED = 1
PROMPT_TOKENS = 97  # leaves a rest in chunks of 32 and of 7
DECODE_TOKENS = 16
PLAIN_ROTARY = {'rope_type': 'default', 'rope_theta': 10000.0}

MAX_WEIGHT_BYTES = 300 * 1024  # without a head of multi-token prediction
MIN_MARGIN = 1e-5  # between scores: no sum of float32 in another order may choose other experts
MIN_EFFECT = 0.01  # of YaRN on some logit, as a part of the largest
MAX_DECODE_DIFFERENCE = 3e-5  # between tokens fed one by one and all at once (delta rules in chunks), as a part of the largest logit


def build(spec, rotary, seed=SEED):
    config_class, model_class = CLASSES[spec['family']]
    fields = {**SPECS['common'], **spec['config'], 'rope_parameters': dict(rotary)}
    config = config_class(**fields, attn_implementation='eager', experts_implementation='eager')
    torch.manual_seed(seed)
    model = model_class(config).eval()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            fill(name, tensor, spec)
    return model


def fill(name, tensor, spec):
    """Random values, large enough that every part of the model matters."""
    if name.endswith('inv_freq'):
        return
    if spec['family'] == 'deepseek_v4' and deepseek.fill_v4(name, tensor, spec):
        tensor.copy_(tensor.to(storage_type(spec)))
        return
    if not tensor.is_floating_point():
        return  # constants of hashes, which follow from the configuration
    if name.endswith('e_score_correction_bias'):
        tensor.uniform_(*spec['routerBias'])
    elif spec['family'] in qwen.CLASSES and qwen.fill(name, tensor, spec['family']):
        pass
    elif name.endswith('k_norm.bias'):
        tensor.normal_(0, 0.5)
    elif tensor.dim() == 1:  # of a normalisation
        tensor.uniform_(0.5, 2.0)
    elif name.endswith('embed_tokens.weight'):
        tensor.normal_(0, 1)
    else:
        tensor.normal_(0, 1.5 * tensor.shape[-1] ** -0.5)
    tensor.copy_(tensor.to(storage_type(spec)))


def storage_type(spec):
    return getattr(torch, spec['dtype'])


def routers(model):
    return [m for m in model.modules() if type(m).__name__ in ROUTERS]


def run(model, tokens):
    """Logits (T,V), and what `recorded` gives."""
    with torch.no_grad():
        return recorded(model, lambda: model(torch.tensor([tokens]), use_cache=False).logits[0])


def recorded(model, forward):
    """What `forward` gives, and each time a router runs what goes in (T,D) and the experts it chooses (T,k), ascending."""
    routed = []

    def record(_module, inputs, outputs):
        routed.append((inputs[0].flatten(0, -2), outputs[2].sort(-1).values))

    hooks = [router.register_forward_hook(record) for router in routers(model)]
    result = forward()
    for hook in hooks:
        hook.remove()
    return result, routed


def choose(router, biased, masked=-torch.inf):
    """The experts for one token, and the smallest gap between the last chosen and the best not chosen."""
    groups = biased.view(router.num_group, -1)
    group_scores = groups.topk(2).values.sum(-1)
    kept = group_scores.topk(router.topk_group).indices
    eligible = torch.full_like(groups, masked)
    eligible[kept] = groups[kept]
    chosen = eligible.flatten().topk(router.top_k).indices.sort().values.tolist()
    gaps = [gap(group_scores, router.topk_group), gap(eligible.flatten(), router.top_k)]
    return chosen, min(gaps)


def gap(scores, count):
    ordered = scores.sort(descending=True).values.tolist()
    return ordered[count - 1] - ordered[count] if count < len(ordered) else float('inf')


def measure_router(router, x, experts):
    """How narrow the choices are, and how many of them a wrong rule would get wrong."""
    scores = (x.double() @ router.weight.double().T).sigmoid()
    biased = scores + router.e_score_correction_bias.double()
    choices = [choose(router, row) for row in biased]
    assert [chosen for chosen, _ in choices] == experts.tolist()

    def wrong(others):
        return sum(chosen != other for (chosen, _), other in zip(choices, others))

    return {
        'choices': len(choices),
        'margin': min(margin for _, margin in choices),
        'wrongWithoutBias': wrong(choose(router, row)[0] for row in scores),
        'wrongWithoutGroups': wrong(row.topk(router.top_k).indices.sort().values.tolist() for row in biased),
        'wrongIfMaskedWithZero': wrong(choose(router, row, masked=0.0)[0] for row in biased),
    }


ROUTERS = {'DeepseekV3TopkRouter': measure_router, 'DeepseekV32TopkRouter': measure_router, **deepseek.ROUTERS, **qwen.ROUTERS}


def decode(model, tokens):
    """Greedy tokens after the prompt, and the logits of each when fed one by one (DECODE_TOKENS,V)."""
    fed, rows = [], []
    with torch.no_grad():
        step = model(torch.tensor([tokens]), use_cache=True)
        for _ in range(DECODE_TOKENS):
            fed.append(int(step.logits[0, -1].argmax()))
            step = model(torch.tensor([fed[-1:]]), past_key_values=step.past_key_values, use_cache=True)
            rows.append(step.logits[0, -1])
    return fed, torch.stack(rows)


def require_decode(model, tokens, fed, rows):
    """One by one must be all at once: the cache of transformers is a judge only where it agrees with itself."""
    whole, _ = run(model, tokens + fed)
    difference = ((whole[len(tokens) :] - rows).abs().max() / whole.abs().max()).item()
    assert difference < MAX_DECODE_DIFFERENCE, difference


def measure(spec, model, tokens, logits, routed):
    """Shows that the case is clear and that it can tell right from wrong."""
    measured = [ROUTERS[type(r).__name__](r, *io) for r, io in zip(routers(model), routed)]
    found = {'routers': measured}
    assert all(r.get('margin', 1) > MIN_MARGIN and r.get('wrongWithoutBias', 1) > 0 for r in measured), found
    indexers = deepseek.measure_indexers(model, tokens) + qwen.measure_indexers(model, tokens)
    if indexers:
        found['indexers'] = indexers
        assert all(i['margin'] > MIN_MARGIN for i in indexers), found
    if spec['config']['rope_parameters']['rope_type'] == 'yarn':
        plain, _ = run(build(spec, PLAIN_ROTARY), tokens)
        found['yarnEffect'] = ((logits - plain).abs().max() / logits.abs().max()).item()
        assert found['yarnEffect'] > MIN_EFFECT, found
    return found


def save(model, spec, folder):
    shutil.rmtree(folder, ignore_errors=True)
    biases = [(r, r.e_score_correction_bias) for r in routers(model) if hasattr(r, 'e_score_correction_bias')]
    biases = [(router, bias.clone()) for router, bias in biases]
    model.to(storage_type(spec))
    for router, bias in biases:  # stored in f32, as in the published checkpoints
        router.e_score_correction_bias = bias
    shards = {'max_shard_size': spec.get('maxShardSize', '1GB')}
    saved = model.model if spec.get('bare') else model
    saved.save_pretrained(folder, save_original_format=not spec.get('stacked', False), **shards)
    (folder / 'generation_config.json').unlink(missing_ok=True)
    if spec.get('bare'):  # as Qwen3-Embedding is published: the architecture of the whole, the names of the part
        config = json.loads((folder / 'config.json').read_text())
        config['architectures'] = [type(model).__name__]
        (folder / 'config.json').write_text(json.dumps(config, indent=2) + '\n')
    if 'published' in spec:
        deepseek.publish_names(folder / 'model.safetensors')
        (folder / 'config.json').write_text(json.dumps({**published_fields(spec), **spec['published']}, indent=2) + '\n')
    size = sum(file.stat().st_size for file in folder.glob('*.safetensors'))
    assert size < MAX_WEIGHT_BYTES, f'{folder} has {size} bytes of weights'


def judge(head, tokens):
    """What the head computes, whose router must be clear as the model's are."""
    (drafts, guesses, effects), routed = recorded(head.block, lambda: head.judge(tokens))
    margins = [ROUTERS[type(r).__name__](r, *io)['margin'] for r in routers(head.block) for io in routed]
    assert all(margin > MIN_MARGIN for margin in margins), margins
    return drafts, guesses, {**effects, **({'margin': min(margins)} if margins else {})}


def published_fields(spec):
    """The fields as the makers spell them; transformers renames some when it saves."""
    fields = {**SPECS['common'], **spec['config']}
    rotary = fields.pop('rope_parameters')
    scaling = {key: value for key, value in rotary.items() if key not in ('rope_theta', 'rope_type')}
    return {**fields, 'rope_scaling': {**scaling, 'type': rotary['rope_type']} if scaling else None}


def make(name):
    spec = SPECS['models'][name]
    model = build(spec, spec['config']['rope_parameters'])
    tokens = torch.randint(0, model.config.get_text_config().vocab_size, (spec.get('promptTokens', PROMPT_TOKENS),)).tolist()
    logits, routed = run(model, tokens)
    modules = [torch, transformers, safetensors, numpy]
    golden = {
        'seed': SEED,
        'versions': {module.__name__: module.__version__ for module in modules},
        'measured': measure(spec, model, tokens, logits, routed),
        'promptTokens': tokens,
        'experts': [experts.tolist() for _, experts in routed],
    }
    golden['decodeTokens'], rows = decode(model, tokens)
    require_decode(model, tokens, golden['decodeTokens'], rows)
    logits = torch.cat([logits, rows])
    if spec.get('bare'):
        with torch.no_grad():
            row = model.model(torch.tensor([tokens]), use_cache=False).last_hidden_state[0, -1]
        golden['embedding'] = torch.nn.functional.normalize(row, dim=0).tolist()
    head = mtp.head_of(spec, model, build, fill) if spec.get('mtp') else None
    if head is not None:
        drafts, golden['guesses'], golden['measured']['mtp'] = judge(head, tokens + golden.get('decodeTokens', []))
    save(model, spec, OUT / name)
    if head is not None:
        mtp.add_tensors(OUT / name / 'model.safetensors', head.tensors(save))
        numpy.save(OUT / name / 'mtp.npy', drafts.numpy())
    (OUT / name / 'golden.json').write_text(json.dumps(golden) + '\n')
    numpy.save(OUT / name / 'logits.npy', logits.numpy())
    print(name, json.dumps(golden['measured']), file=sys.stderr)


if __name__ == '__main__':
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for model_name in sys.argv[1:] or SPECS['models']:
        make(model_name)
