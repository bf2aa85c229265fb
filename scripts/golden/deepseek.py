"""The DeepSeek families beside V3: their classes, and how clear the choices of their routers are."""

import torch
import transformers

CLASSES = {
    'deepseek_v2': (transformers.DeepseekV2Config, transformers.DeepseekV2ForCausalLM),
    'deepseek_v32': (transformers.DeepseekV32Config, transformers.DeepseekV32ForCausalLM),
}


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


ROUTERS = {'DeepseekV2TopkRouter': measure_v2}


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


INDEXERS = {'DeepseekV32Indexer': measure_indexer}


def measure_indexers(model, tokens):
    """Of each indexer, in the order of layers."""
    recorded = []
    indexers = [m for m in model.modules() if type(m).__name__ in INDEXERS]

    def record(module, inputs, rows):
        visible = [row[row <= t].tolist() for t, row in enumerate(rows[0])]
        recorded.append((module, inputs, visible))

    hooks = [indexer.register_forward_hook(record) for indexer in indexers]
    with torch.no_grad():
        model(torch.tensor([tokens]), use_cache=False)
        for hook in hooks:
            hook.remove()
        return [INDEXERS[type(module).__name__](module, *io) for module, *io in recorded]
