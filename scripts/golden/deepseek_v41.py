"""Makes test/golden/deepseek-v4.1-*: tiny DeepSeek-V4.1 checkpoints, and what the published formulae give.

  python scripts/golden/deepseek_v41.py

transformers 5.23.0 has no deepseek_v41, so the judge is this file: the definition written out over whole
sequences in float64, without any cache. Weights are rounded to the format they are stored in first.
"""

import json
import shutil
from pathlib import Path

import numpy
import safetensors.torch
import sympy
import tokenizers
import torch
from torch.nn.functional import linear, silu, softplus

from deepseek_v41_tokenizer import classes_of, write_tokenizer

OUT = Path(__file__).resolve().parents[2] / 'test' / 'golden'
SPECS = json.loads(Path(__file__).with_name('deepseek_v41.json').read_text())
PROMPT_TOKENS = 97
DECODE_TOKENS = 16
SEED = 1
FIRST_TOKENS = 4  # drawn together, so that there is something to compress
# Sums in f32 were seen off by up to 6e-6 of the largest value of a group. So that they round and choose as f64 does:
MIN_MARGIN = 2e-5  # between a value and the next rounding boundary as a part of the largest of its group, and between scores
MIN_STEP = 1e-5  # of roundings that count, as such a part: e4m3 has smaller ones near 0, which cannot matter
MIN_EFFECT = 0.01  # of each wrong rule on some logit, as a part of the largest
WRONG_RULES = ['yarn', 'blocks', 'caches', 'lag', 'memory', 'classes', 'keys after rotation', 'query norm']


def shapes(c):
    """Name, shape and kind of every tensor of the text model."""
    D, K, I, n = c['hidden_size'], c['head_dim'], c['index_head_dim'], c['hc_mult']
    H, G, R, Q = c['num_attention_heads'], c['o_groups'], c['o_lora_rank'], c['q_lora_rank']
    F, E = c['moe_intermediate_size'], c['n_routed_experts']
    yield 'embed.weight', (c['vocab_size'], D), 'embedding'
    yield 'head.weight', (c['vocab_size'], D), 'matrix'
    yield 'norm.weight', (D,), 'norm'
    for i in range(c['num_hidden_layers']):
        p, a = f'layers.{i}.', f'layers.{i}.attn.'
        for name, size in [('attn_norm', D), ('ffn_norm', D), ('attn.q_norm', Q), ('attn.kv_norm', K)]:
            yield f'{p}{name}.weight', (size,), 'norm'
        for name, shape in [('wq_a', (Q, D)), ('wq_b', (H * K, Q)), ('wkv', (K, D)), ('wo_a', (G * R, H * K // G)), ('wo_b', (D, G * R))]:
            yield f'{a}{name}.weight', shape, 'matrix'
        yield a + 'attn_sink', (H,), 'f32'
        if i in c['kv_source_layer_ids']:
            yield a + 'compressor.wkv.weight', (K, D), 'matrix'
            if c['compress_ratios'][i] > 1:
                yield a + 'compressor.wgate.weight', (K, D), 'matrix'
            yield a + 'compressor.norm.weight', (K,), 'norm'
            yield a + 'indexer.wk.weight', (I, K), 'matrix'
            yield a + 'indexer.k_norm.weight', (I,), 'norm'
        if i in c['index_source_layer_ids']:
            yield a + 'indexer.wq_b.weight', (c['index_n_heads'] * I, Q), 'matrix'
            yield a + 'indexer.weights_proj.weight', (c['index_n_heads'], D), 'matrix'
        for part in ('attn', 'ffn'):
            yield f'{p}hc_{part}_fn', (n * (n + 2), n * D), 'f32 matrix'
            yield f'{p}hc_{part}_base', (n * (n + 2),), 'f32'
            yield f'{p}hc_{part}_scale', (3,), 'f32'
        yield p + 'ffn.gate.weight', (E, D), 'matrix'
        yield p + 'ffn.gate.bias', (E,), 'bias'
        yield p + 'ffn.gate.bias_vl', (E,), 'bias'
        for expert in [*(f'experts.{e}' for e in range(E)), 'shared_experts']:
            yield f'{p}ffn.{expert}.w1.weight', (F, D), 'matrix'
            yield f'{p}ffn.{expert}.w3.weight', (F, D), 'matrix'
            yield f'{p}ffn.{expert}.w2.weight', (D, F), 'matrix'
        if i in c['engram_layer_ids']:
            rows = c['engram_num_embeddings'][c['engram_layer_ids'].index(i)]
            columns = (c['engram_max_ngram_size'] - 1) * c['engram_n_heads'] * c['engram_head_dim']
            yield p + 'engram.embed.weight', (rows, c['engram_head_dim']), 'embedding'
            yield p + 'engram.wkv.weight', ((n + 1) * D, columns), 'matrix'
            yield p + 'engram.q_weight', (n, D), 'norm'
            yield p + 'engram.k_weight', (n, D), 'norm'


def random_weights(c):
    """As they are stored."""
    draw = {
        'embedding': lambda shape: torch.randn(shape),
        'matrix': lambda shape: torch.randn(shape) * 1.5 * shape[-1] ** -0.5,
        'f32 matrix': lambda shape: torch.randn(shape) * 1.5 * shape[-1] ** -0.5,
        'norm': lambda shape: torch.empty(shape).uniform_(0.5, 2),
        'f32': lambda shape: torch.empty(shape).uniform_(-1, 1),
        'bias': lambda shape: torch.empty(shape).uniform_(-0.3, 0.3),
    }
    stored = {'embedding': torch.bfloat16, 'matrix': torch.bfloat16, 'norm': torch.bfloat16}
    return {name: draw[kind](shape).to(stored.get(kind, torch.float32)) for name, shape, kind in shapes(c)}


def layout(c):
    """Of each layer with memory: primes (lengths, heads)."""
    taken, layers = set(), []
    for _ in c['engram_layer_ids']:
        lengths = []
        for _ in range(c['engram_max_ngram_size'] - 1):
            prime, heads = c['engram_vocab_size'] - 1, []
            for _ in range(c['engram_n_heads']):
                prime = sympy.nextprime(prime)
                while prime in taken:
                    prime = sympy.nextprime(prime)
                taken.add(prime)
                heads.append(prime)
            lengths.append(heads)
        layers.append(lengths)
    return layers


def hashed(c, ids, layer, pad):
    """Rows (T, lengths·heads) of the table of a layer, ids being classes of tokens."""
    N = c['engram_max_ngram_size']
    bound = max(1, numpy.iinfo(numpy.int64).max // c['engram_compressed_vocab_size'] // 2)
    multipliers = numpy.random.default_rng(10007 * layer).integers(0, bound, size=(N,), dtype=numpy.int64) * 2 + 1
    primes = layout(c)[c['engram_layer_ids'].index(layer)]
    rows = []
    for t in range(len(ids)):
        window = [ids[t - back] if t >= back else pad for back in range(N)]
        products = [int(i) * int(m) for i, m in zip(window, multipliers)]
        value, offset, row = products[0], 0, []
        for length in range(1, N):
            value ^= products[length]
            for prime in primes[length - 1]:
                row.append(value % prime + offset)
                offset += prime
        rows.append(row)
    return torch.tensor(rows)


E2M1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=torch.float64)
E4M3 = torch.arange(127, dtype=torch.uint8).view(torch.float8_e4m3fn).double()


class Narrow(Exception):
    """A rounding or a choice that other sums could make otherwise."""


class Reference:
    """One pass over a sequence. `wrong` names a rule to break, to see whether the case could tell."""

    def __init__(self, c, weights, tokens, classes, wrong='', min_margin=0.0):
        self.c, self.tokens, self.wrong, self.min_margin = c, tokens, wrong, min_margin
        self.w = {name: weight.double() for name, weight in weights.items()}
        self.classes = list(range(len(classes))) if wrong == 'classes' else classes
        self.T = len(tokens)
        self.margins = {'rounding': float('inf'), 'index': float('inf'), 'router': float('inf')}
        self.experts = []

    def logits(self):
        c, w = self.c, self.w
        X = w['embed.weight'][torch.tensor(self.tokens)].unsqueeze(1).repeat(1, c['hc_mult'], 1)
        pre = torch.zeros(self.T, c['hc_mult'], dtype=torch.float64)
        pre[:, 0] = 1
        for i in range(c['num_hidden_layers']):
            if i in c['engram_layer_ids'] and self.wrong != 'memory':
                X = self.remember(X, i)
            for part, function in (('attn', self.attend), ('ffn', self.feed)):
                own, post, comb = self.coefficients(X, f'layers.{i}.hc_{part}')
                u = ((own if self.wrong == 'lag' else pre)[..., None] * X).sum(1)
                y = function(self.norm(u, f'layers.{i}.{part}_norm'), i)
                X = post[..., None] * y[:, None] + torch.einsum('tjk,tjd->tkd', comb, X)
                pre = own
        return linear(self.norm((pre[..., None] * X).sum(1), 'norm'), w['head.weight'])

    def unit(self, x):
        return x / (x.square().mean(-1, keepdim=True) + self.c['rms_norm_eps']).sqrt()

    def norm(self, x, name):
        return self.unit(x) * self.w[name + '.weight']

    def coefficients(self, X, name):
        n, eps = self.c['hc_mult'], self.c['hc_eps']
        scores = linear(self.unit(X.flatten(1)), self.w[name + '_fn'])
        scale, base = self.w[name + '_scale'], self.w[name + '_base']
        pre = (scores[:, :n] * scale[0] + base[:n]).sigmoid() + eps
        post = 2 * (scores[:, n : 2 * n] * scale[1] + base[n : 2 * n]).sigmoid()
        comb = (scores[:, 2 * n :] * scale[2] + base[2 * n :]).view(-1, n, n).softmax(-1) + eps
        comb = comb / (comb.sum(1, keepdim=True) + eps)
        for _ in range(self.c['hc_sinkhorn_iters'] - 1):
            comb = comb / (comb.sum(2, keepdim=True) + eps)
            comb = comb / (comb.sum(1, keepdim=True) + eps)
        return pre, post, comb

    def remember(self, X, i):
        c, p = self.c, f'layers.{i}.engram.'
        n, D = c['hc_mult'], c['hidden_size']
        pad = self.classes[c['engram_pad_token_id']]
        rows = hashed(c, [self.classes[t] for t in self.tokens], i, pad)
        found = linear(self.w[p + 'embed.weight'][rows].flatten(1), self.w[p + 'wkv.weight'])
        keys, value = found[:, : n * D].view(-1, n, D), found[:, n * D :]
        d = (self.unit(X) * self.unit(keys) * self.w[p + 'q_weight'] * self.w[p + 'k_weight']).sum(-1) * D**-0.5
        gate = torch.copysign(d.abs().clamp_min(1e-6).sqrt(), d).sigmoid()
        return X + gate[..., None] * value[:, None]

    def rotate(self, x, positions, compresses, sign=1):
        """x (T,…,K): its last channels, neighbours together."""
        c = self.c
        d, base = c['qk_rope_head_dim'], c['compress_rope_theta'] if compresses else c['rope_theta']
        f = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
        if compresses and self.wrong != 'yarn':
            f = yarn(f, d, base, c['rope_scaling'])
        angles = sign * positions.double()[:, None] * f
        turn = torch.polar(torch.ones_like(angles), angles)
        turn = turn.view(turn.shape[0], *[1] * (x.dim() - 2), -1)
        turned = torch.view_as_complex(x[..., -d:].unflatten(-1, (-1, 2)).contiguous()) * turn
        return torch.cat([x[..., :-d], torch.view_as_real(turned).flatten(-2)], -1)

    def rounded(self, x, grid, group, scale):
        if self.wrong == 'caches':
            return x
        groups = x.unflatten(-1, (-1, group))
        least = {'e4m3': 6 * 2**-9, 'power': 1e-4 if grid is E4M3 else 6 * 2.0**-126}[scale]
        largest = groups.abs().amax(-1, keepdim=True).clamp_min(least) / grid[-1]
        if scale == 'power':
            s = 2 ** largest.log2().ceil()
            exponent = largest.log2()
            self.margin('rounding', (exponent - exponent.round()).abs())
        else:
            s = self.nearest(largest, E4M3, largest)
        q = groups / s
        return (self.nearest(q.abs(), grid, largest * grid[-1] / s) * q.sign() * s).flatten(-2)

    def nearest(self, x, grid, largest):
        """The nearest of the grid, of two the one with the even code; `largest` of what is rounded together."""
        x = x.clamp_max(grid[-1])
        middles = (grid[1:] + grid[:-1]) / 2
        below = torch.searchsorted(middles, x.contiguous())  # x on a middle stays below it
        on = below < len(middles)
        tie = on & (x == middles[below.clamp_max(len(middles) - 1)])
        distances = (x[..., None] - middles).abs() / largest[..., None]
        counts = (grid[1:] - grid[:-1]) / largest[..., None] > MIN_STEP
        self.margin('rounding', distances[counts & (distances > 0)])
        return grid[torch.where(tie & (below % 2 == 1), below + 1, below)]

    def margin(self, kind, distances):
        if distances.numel():
            self.margins[kind] = min(self.margins[kind], distances.min().item())
        if self.margins[kind] < self.min_margin:
            raise Narrow

    def attend(self, x, i):
        c, w, p = self.c, self.w, f'layers.{i}.attn.'
        H, K, ratio = c['num_attention_heads'], c['head_dim'], c['compress_ratios'][i]
        at = torch.arange(self.T)
        source = self.norm(linear(x, w[p + 'wq_a.weight']), p + 'q_norm')
        q = linear(source, w[p + 'wq_b.weight']).view(-1, H, K)
        q = self.rotate(self.unit(q) if self.wrong == 'query norm' else q, at, ratio > 0)
        kv = self.norm(linear(x, w[p + 'wkv.weight']), p + 'kv_norm')
        kv = self.rounded(self.rotate(kv, at, ratio > 0), E4M3, 32, 'power')
        back = at[:, None] - at[None]
        mask = (back >= 0) & (back < c['sliding_window'])
        if ratio > 0:
            if i in c['kv_source_layer_ids']:
                self.compress(x, i)
            if i in c['index_source_layer_ids']:
                self.choose(x, source, i)
            kv, mask = torch.cat([kv, self.entries]), torch.cat([mask, self.chosen], 1)
        scores = torch.einsum('thk,sk->ths', q, kv) * K**-0.5
        scores = scores.masked_fill(~mask[:, None], -torch.inf)
        sinks = w[p + 'attn_sink'].view(1, H, 1).expand(self.T, -1, -1)
        shares = torch.cat([scores, sinks], -1).softmax(-1)[..., :-1]
        o = self.rotate(shares @ kv, at, ratio > 0, sign=-1)
        G = c['o_groups']
        low = torch.einsum('tgk,grk->tgr', o.reshape(self.T, G, -1), w[p + 'wo_a.weight'].view(G, c['o_lora_rank'], -1))
        return linear(low.flatten(1), w[p + 'wo_b.weight'])

    def compress(self, x, i):
        w, p, ratio = self.w, f'layers.{i}.attn.', self.c['compress_ratios'][i]
        whole = self.T // ratio * ratio
        values = linear(x[:whole], w[p + 'compressor.wkv.weight']).unflatten(0, (-1, ratio))
        if ratio > 1:
            gates = linear(x[:whole], w[p + 'compressor.wgate.weight']).unflatten(0, (-1, ratio))
            values = values * gates.softmax(1)
        latent = self.norm(values.sum(1), p + 'compressor.norm')
        at = torch.arange(len(latent)) * ratio
        turned = self.rotate(latent, at, True)
        self.entries = self.rounded(turned, E2M1, 16, 'e4m3')
        keys = linear(turned if self.wrong == 'keys after rotation' else latent, w[p + 'indexer.wk.weight'])
        self.keys = self.rounded(self.rotate(self.norm(keys, p + 'indexer.k_norm'), at, True), E2M1, 32, 'power')

    def choose(self, x, source, i):
        c, w, p = self.c, self.w, f'layers.{i}.attn.indexer.'
        H, ratio = c['index_n_heads'], c['compress_ratios'][i]
        q = linear(source, w[p + 'wq_b.weight']).view(self.T, H, -1)
        q = self.rounded(self.rotate(q, torch.arange(self.T), True), E2M1, 32, 'power')
        heads = linear(x, w[p + 'weights_proj.weight']) * H**-0.5
        scores = torch.einsum('thk,sk->ths', q, self.keys).relu() * c['index_head_dim'] ** -0.5
        scores = (scores * heads[..., None]).sum(1)
        visible = (torch.arange(self.T) + 1) // ratio
        scores = scores.masked_fill(torch.arange(len(self.keys)) >= visible[:, None], -torch.inf)
        first, size = c['candidate_source_layer_id'], c['candidate_block_size']
        inside = scores
        if 0 <= first < i and self.wrong != 'blocks':
            inside = scores.masked_fill(~self.blocks, -torch.inf)
        self.chosen = self.top(inside, c['index_topk'])
        if i == first:
            padded = torch.nn.functional.pad(scores, (0, -scores.shape[1] % size), value=-torch.inf)
            best = padded.unflatten(1, (-1, size)).amax(-1)
            newest = torch.arange(best.shape[1]) == ((visible - 1) // size)[:, None]
            best = best.masked_fill(newest & (visible > 0)[:, None], torch.inf)
            self.blocks = self.top(best, c['candidate_topk_blocks']).repeat_interleave(size, 1)[:, : scores.shape[1]]

    def top(self, scores, k):
        """Mask of the k best that are not −∞, of equals the first."""
        order = scores.sort(dim=1, descending=True, stable=True)
        k = min(k, scores.shape[1])
        if k < scores.shape[1]:
            gaps = order.values[:, k - 1] - order.values[:, k]
            self.margin('index', gaps[gaps.isfinite() & (gaps > 0)])
        mask = torch.zeros_like(scores, dtype=torch.bool).scatter(1, order.indices[:, :k], True)
        return mask & (scores > -torch.inf)

    def feed(self, x, i):
        c, w, p = self.c, self.w, f'layers.{i}.ffn.'
        k = c['num_experts_per_tok']
        scores = softplus(linear(x, w[p + 'gate.weight'])).sqrt()
        order = (scores + w[p + 'gate.bias']).sort(-1, descending=True)
        self.margin('router', order.values[:, k - 1] - order.values[:, k])
        chosen = order.indices[:, :k]
        gates = scores.gather(1, chosen)
        gates = gates / (gates.sum(-1, keepdim=True) + 1e-20) * c['routed_scaling_factor']
        self.experts.append(chosen.sort(-1).values.tolist())
        y = self.expert(x, p + 'shared_experts.')
        for e in range(c['n_routed_experts']):
            gate = (gates * (chosen == e)).sum(-1, keepdim=True)
            y = y + self.expert(x, f'{p}experts.{e}.', gate)
        return y

    def expert(self, x, p, gate=1):
        limit = self.c['swiglu_limit']
        up = linear(x, self.w[p + 'w3.weight']).clamp(-limit, limit)
        inner = silu(linear(x, self.w[p + 'w1.weight']).clamp(max=limit)) * up
        return linear(gate * inner, self.w[p + 'w2.weight'])


def yarn(f, d, base, scaling):
    def pair(rotations):
        length = scaling['original_max_position_embeddings']
        return d * numpy.log(length / (rotations * 2 * numpy.pi)) / (2 * numpy.log(base))

    low = max(numpy.floor(pair(scaling['beta_fast'])), 0)
    high = min(numpy.ceil(pair(scaling['beta_slow'])), d - 1)
    share = ((torch.arange(d // 2) - low) / max(high - low, 0.001)).clamp(0, 1)
    return f * (1 - share) + f / scaling['factor'] * share


def clear_tokens(c, weights, classes):
    """Random tokens and then the likeliest, passing over any that would make a rounding or a choice narrow; and the last pass."""

    def judged(tokens):
        reference = Reference(c, weights, tokens, classes, min_margin=MIN_MARGIN)
        return tokens, reference.logits(), reference

    def first_clear(starts):
        for start in starts:
            try:
                return judged(start)
            except Narrow:
                continue
        raise SystemExit('no token is clear')

    def drawn(tokens, count):
        while True:
            yield tokens + torch.randint(0, c['vocab_size'], (count,)).tolist()

    found = first_clear(drawn([], FIRST_TOKENS))
    while len(found[0]) < PROMPT_TOKENS:
        found = first_clear(drawn(found[0], 1))
    while len(found[0]) < PROMPT_TOKENS + DECODE_TOKENS:
        tokens, logits, _ = found
        found = first_clear(tokens + [token] for token in logits[-1].argsort(descending=True).tolist())
    return found


def effects(c, weights, tokens, classes, logits):
    def effect(rule):
        other = Reference(c, weights, tokens, classes, wrong=rule).logits()
        return ((other - logits).abs().max() / logits.abs().max()).item()

    return {rule: effect(rule) for rule in WRONG_RULES}


def make(name, c):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_tokenizer(folder / 'tokenizer.json', c['vocab_size'])
    classes = classes_of(folder / 'tokenizer.json')
    c['engram_num_embeddings'] = [sum(map(sum, layer)) for layer in layout(c)]
    c['engram_compressed_vocab_size'] = max(classes) + 1
    torch.manual_seed(SEED)
    weights = random_weights(c)
    tokens, logits, reference = clear_tokens(c, weights, classes)
    measured = {'margins': reference.margins, 'effects': effects(c, weights, tokens, classes, logits)}
    assert all(effect > MIN_EFFECT for effect in measured['effects'].values()), measured
    outer = ['architectures', 'model_type', 'tie_word_embeddings', 'bos_token_id', 'eos_token_id']
    config = {**{key: c[key] for key in outer}, 'text_config': {key: value for key, value in c.items() if key not in outer}}
    (folder / 'config.json').write_text(json.dumps(config, indent=2) + '\n')
    weights['mtp.0.norm.weight'] = torch.ones(c['hidden_size'])  # a layer for drafts, which is skipped
    safetensors.torch.save_file(weights, folder / 'model.safetensors')
    golden = {
        'seed': SEED,
        'versions': {module.__name__: module.__version__ for module in (torch, numpy, sympy, tokenizers)},
        'measured': measured,
        'promptTokens': tokens[:PROMPT_TOKENS],
        'decodeTokens': tokens[PROMPT_TOKENS:],
        'experts': [layer[:PROMPT_TOKENS] for layer in reference.experts],
    }
    (folder / 'golden.json').write_text(json.dumps(golden) + '\n')
    numpy.save(folder / 'logits.npy', logits.float().numpy())
    print(name, json.dumps(measured))


if __name__ == '__main__':
    torch.set_num_threads(1)
    for model_name, fields in SPECS['models'].items():
        make(model_name, {**SPECS['common'], **fields})
