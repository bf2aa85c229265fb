"""The DeepSeek families beside V3: their classes, and how clear the choices of their routers are."""

import torch
import transformers

CLASSES = {
    'deepseek_v2': (transformers.DeepseekV2Config, transformers.DeepseekV2ForCausalLM),
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
