"""The DeepSeek families beside V3: their classes, and how clear the choices of their routers are."""

import re

import torch
import transformers
from safetensors.torch import load_file, save_file

CLASSES = {
    'deepseek_v2': (transformers.DeepseekV2Config, transformers.DeepseekV2ForCausalLM),
    'deepseek_v32': (transformers.DeepseekV32Config, transformers.DeepseekV32ForCausalLM),
    'deepseek_v4': (transformers.DeepseekV4Config, transformers.DeepseekV4ForCausalLM),
}


# Names that transformers does not turn back into those of the makers when it saves V4.
PUBLISHED_NAMES = [
    (r'^model\.', ''),
    (r'^embed_tokens\.', 'embed.'),
    (r'^hc_head\.hc_', 'hc_head_'),
    (r'\.attn\.norm\.', '.attn.kv_norm.'),
]


def publish_names(path):
    """Rewrites a checkpoint of V4 under the names of the published ones."""
    tensors = {}
    for name, tensor in load_file(path).items():
        for pattern, replacement in PUBLISHED_NAMES:
            name = re.sub(pattern, replacement, name)
        tensors[name] = tensor
    save_file(tensors, path, metadata={'format': 'pt'})


def gap(scores, count):
    """Between the last chosen and the best not chosen."""
    ordered = scores.sort(descending=True).values.tolist()
    return ordered[count - 1] - ordered[count] if count < len(ordered) else float('inf')


def choose_v2(router, scores, best_of_group):
    """The experts for one token, and the smallest gap of its choices."""
    if router.topk_method == 'greedy':
        return sorted(scores.topk(router.top_k).indices.tolist()), gap(scores, router.top_k)
    groups = scores.view(router.num_group, -1)
    group_scores = groups.topk(best_of_group).values.sum(-1)
    kept = group_scores.topk(router.topk_group).indices
    eligible = torch.full_like(groups, -torch.inf)
    eligible[kept] = groups[kept]
    chosen = sorted(eligible.flatten().topk(router.top_k).indices.tolist())
    return chosen, min(gap(group_scores, router.topk_group), gap(eligible.flatten(), router.top_k))


def measure_v2(router, x, experts):
    """How narrow the choices are, and how many of them the group score of V3 would get wrong."""
    scores = (x.double() @ router.weight.double().T).softmax(-1)
    choices = [choose_v2(router, row, 1) for row in scores]
    assert [chosen for chosen, _ in choices] == experts.tolist()
    others = [choose_v2(router, row, 2)[0] for row in scores]
    return {
        'choices': len(choices),
        'margin': min(margin for _, margin in choices),
        'wrongIfGroupsByTwo': sum(chosen != other for (chosen, _), other in zip(choices, others)),
    }


def scores_v4(router, x):
    return torch.nn.functional.softplus(x.double() @ router.weight.double().T).sqrt()


def measure_v4(router, x, experts):
    """How narrow the choices are, and how many of them would be others without the bias."""
    scores = scores_v4(router, x)
    biased = scores + router.e_score_correction_bias.double()

    def best(rows):
        return [sorted(row.topk(router.top_k).indices.tolist()) for row in rows]

    chosen = best(biased)
    assert chosen == experts.tolist()
    return {
        'choices': len(chosen),
        'margin': min(gap(row, router.top_k) for row in biased),
        'wrongWithoutBias': sum(a != b for a, b in zip(chosen, best(scores))),
    }


def measure_hash(router, x, experts):
    """How many choices the scores would make in another way."""
    others = scores_v4(router, x).topk(router.top_k).indices.sort(-1).values
    return {'choices': len(x), 'wrongByScore': int((others != experts).any(-1).sum())}


ROUTERS = {
    'DeepseekV2TopkRouter': measure_v2,
    'DeepseekV4TopKRouter': measure_v4,
    'DeepseekV4HashRouter': measure_hash,
}


def fill_v4(name, tensor, spec):
    """Values for what only V4 has; whether `name` is of that kind."""
    if name.endswith('tid2eid'):
        experts = spec['config']['n_routed_experts']
        rows = [torch.randperm(experts)[: tensor.shape[-1]] for _ in range(tensor.shape[0])]
        tensor.copy_(torch.stack(rows))
    elif name.endswith(('position_bias', 'sinks', 'base')):
        tensor.normal_(0, 1)
    elif name.endswith('scale'):
        tensor.uniform_(0.5, 1.5)
    else:
        return False
    return True


def rotate(x, cos, sin, layout):
    """The first channels of x (T,H,K), in either layout."""
    rotated, rest = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
    half = cos.shape[-1] // 2
    cos, sin = cos[:, None, :half].double(), sin[:, None, :half].double()
    pairs = rotated.unflatten(-1, (2, half)).movedim(-2, 0) if layout == 'half' else rotated.unflatten(-1, (half, 2)).movedim(-1, 0)
    first, second = pairs
    turned = (first * cos - second * sin, second * cos + first * sin)
    # where the pairs are put is of no matter to a product of a query and a key
    return torch.cat([*turned, rest], -1)


def choose_rows(scores, count):
    """For each token the rows chosen of those it sees, and the smallest gap of the choices that were any."""
    chosen, margin = [], float('inf')
    for t, row in enumerate(scores):
        seen = row[: t + 1]
        chosen.append(sorted(seen.topk(min(count, t + 1)).indices.tolist()))
        margin = min(margin, gap(seen, count))
    return chosen, margin


def measure_indexer(indexer, inputs, rows):
    """How narrow the choices of rows are, and how many tokens would see others under a wrong rule."""
    x, source, (cos, sin) = (inputs[0][0].double(), inputs[1][0].double(), inputs[2])
    indexer = indexer.double()
    q = indexer.wq_b(source).unflatten(-1, (indexer.n_heads, indexer.head_dim))
    k = indexer.k_norm(indexer.wk(x))[:, None]
    weights = indexer.weights_proj(x)

    def scores(layout, relu=torch.relu):
        turned = [rotate(part, cos[0], sin[0], layout) for part in (q, k)]
        return torch.einsum('th,ths->ts', weights, relu(torch.einsum('thk,sk->ths', turned[0], turned[1][:, 0])))

    chosen, margin = choose_rows(scores('half'), indexer.index_topk)
    assert chosen == [sorted(row) for row in rows]
    indexer.float()

    def wrong(others):
        return sum(one != other for one, other in zip(chosen, choose_rows(others, indexer.index_topk)[0]))

    return {
        'choices': len(chosen),
        'margin': margin,
        'wrongIfInterleaved': wrong(scores('interleaved')),
        'wrongWithoutRelu': wrong(scores('half', relu=lambda x: x)),
        'wrongIfLatest': sum(c != list(range(max(0, t + 1 - indexer.index_topk), t + 1)) for t, c in enumerate(chosen)),
    }


def measure_scorer(scorer, inputs, scores):
    """The same of V4, whose entries are for 4 tokens each, and how many tokens would see other entries than the latest."""
    ratio, count = 4, scorer.index_topk
    margin, latest, choices = float('inf'), 0, 0
    for t, row in enumerate(scores[0].double()):
        seen = row[: (t + 1) // ratio]
        if len(seen) > count:
            chosen = sorted(seen.topk(count).indices.tolist())
            margin = min(margin, gap(seen, count))
            choices += 1
            latest += chosen != list(range(len(seen) - count, len(seen)))
    return {'choices': choices, 'margin': margin, 'wrongIfLatest': latest}


INDEXERS = {'DeepseekV32Indexer': measure_indexer, 'DeepseekV4IndexerScorer': measure_scorer}


def measure_indexers(model, tokens):
    """Of each indexer, in the order of layers."""
    recorded = []
    indexers = [m for m in model.modules() if type(m).__name__ in INDEXERS]

    def record(module, inputs, rows):
        if type(module).__name__ == 'DeepseekV4IndexerScorer':
            module.index_topk = model.config.index_topk
            recorded.append((module, inputs, rows))
            return
        visible = [row[row <= t].tolist() for t, row in enumerate(rows[0])]
        recorded.append((module, inputs, visible))

    hooks = [indexer.register_forward_hook(record) for indexer in indexers]
    with torch.no_grad():
        model(torch.tensor([tokens]), use_cache=False)
        for hook in hooks:
            hook.remove()
        return [INDEXERS[type(module).__name__](module, *io) for module, *io in recorded]
