"""Heads of multi-token prediction, which transformers skips: their weights beside the model's, and what they compute.

The judge is transformers' own decoder layer, last norm and head, as a model of one layer that is fed

  eh_proj [enorm(embed(token t+1)) ; hnorm(hidden t)]

written out here from the makers' definition (README.md); `hidden` is what the model's own head reads. In DeepSeek-V4 `hidden` is all residual
streams before they become one, and the layer is fed e_proj enorm(embed(token t+1)) + h_proj hnorm(stream) in each of them.
"""

import tempfile
from pathlib import Path

import safetensors.torch
import torch

SEED = 3  # not that of the model, whose first layer would be the head's too
CHAIN = 4  # guesses that go on from the head's own hidden rows
MIN_EFFECT = 0.01  # of a wrong rule on some logit, as a part of the largest
DEEPSEEK = {'deepseek_v3', 'deepseek_v32'}
TEXT_FAMILY = {'qwen3_5_multimodal': 'qwen3_5'}
ONE_LAYER = {
    'deepseek_v3': {'first_k_dense_replace': 0},
    'deepseek_v32': {'first_k_dense_replace': 0},
    'deepseek_v4': {'compress_ratios': [0], 'num_hash_layers': 0},
    'qwen3_next': {'layer_types': ['full_attention'], 'mlp_only_layers': []},
    'qwen3_5': {'layer_types': ['full_attention']},
    'qwen3_5_moe': {'layer_types': ['full_attention']},
}


class Head:
    """A head for `model`, with random weights of its own."""

    def __init__(self, spec, model, build, fill):
        family = TEXT_FAMILY.get(spec['family'], spec['family'])
        self.spec = {**spec, 'family': family, 'config': {**spec['config'], 'num_hidden_layers': 1, **ONE_LAYER[family]}}
        self.model = model
        self.embed = model.get_input_embeddings().weight
        self.block = build(self.spec, spec['config']['rope_parameters'], seed=SEED)
        width = self.embed.shape[1]
        self.norms = [torch.empty(width) for _ in range(2)]
        self.join = torch.empty(width, 2 * width)
        with torch.no_grad():
            self.block.get_input_embeddings().weight.copy_(self.embed)
            self.block.lm_head.weight.copy_(model.lm_head.weight)
            for norm in self.norms:
                fill('norm.weight', norm, self.spec)
            fill('join.weight', self.join, self.spec)

    def normalise(self, rows, weight):
        own = type(self.block.model.norm)(len(weight), eps=self.block.config.rms_norm_eps)
        with torch.no_grad():
            own.weight.copy_(weight)
        return own(rows)

    def run(self, hidden, tokens, swapped=False):
        """Logits (T,V) and hidden rows (T,D) of rows `hidden` (T,D) and the tokens that follow each."""
        with torch.no_grad():
            parts = [self.normalise(self.embed[tokens], self.norms[0]), self.normalise(hidden, self.norms[1])]
            x = torch.cat(parts[::-1] if swapped else parts, -1) @ self.join.T
            result = self.block.model(inputs_embeds=x[None], use_cache=False).last_hidden_state[0]
            return self.block.lm_head(result), result

    def hidden_rows(self, tokens):
        """What the model's head reads of each token, and the same before the last norm."""
        text = getattr(self.model.model, 'language_model', self.model.model)
        before = []
        hook = text.norm.register_forward_hook(lambda _module, inputs, _output: before.append(inputs[0][0]))
        with torch.no_grad():
            after = text(torch.tensor([tokens]), use_cache=False).last_hidden_state[0]
        hook.remove()
        return after, before[0]

    def judge(self, tokens):
        """Logits of all tokens but the last, then of CHAIN guesses; the guesses; how much wrong rules change."""
        hidden, before = self.hidden_rows(tokens)
        following = tokens[1:]
        logits, rows = self.run(hidden[:-1], following)
        largest = logits.abs().max()
        wrong = {
            'swapped': self.run(hidden[:-1], following, swapped=True),
            'otherRows': self.run(before[:-1], following),
            'notShifted': self.run(hidden[:-1], tokens[:-1]),
        }
        effects = {name: ((other - logits).abs().max() / largest).item() for name, (other, _) in wrong.items()}
        assert min(effects.values()) > MIN_EFFECT, effects
        guesses, hidden = [int(logits[-1].argmax())], hidden[:-1]
        for _ in range(CHAIN):
            hidden = torch.cat([hidden, rows[-1:]])
            following = following + guesses[-1:]
            logits, rows = self.run(hidden, following)
            guesses.append(int(logits[-1].argmax()))
        return logits, guesses, effects

    def tensors(self, save):
        """By the names of the published checkpoints, in the format that they are stored in."""
        with tempfile.TemporaryDirectory() as folder:
            save(self.block, {**self.spec, 'maxShardSize': '1GB'}, Path(folder) / 'head')
            stored = safetensors.torch.load_file(Path(folder) / 'head' / 'model.safetensors')
        block = {name.removeprefix('model.layers.0.'): t for name, t in stored.items() if name.startswith('model.layers.0.')}
        dtype = stored['model.norm.weight'].dtype
        own = [self.norms[0].to(dtype), self.norms[1].to(dtype), self.join.to(dtype), stored['model.norm.weight']]
        if self.spec['family'] in DEEPSEEK:
            at = f'model.layers.{self.model.config.num_hidden_layers}.'
            names = ['enorm.weight', 'hnorm.weight', 'eh_proj.weight', 'shared_head.norm.weight']
            copies = {'embed_tokens.weight': self.embed.to(dtype), 'shared_head.head.weight': self.model.lm_head.weight.to(dtype)}
            return {at + name: t.detach().clone() for name, t in {**block, **dict(zip(names, own)), **copies}.items()}
        names = ['pre_fc_norm_embedding.weight', 'pre_fc_norm_hidden.weight', 'fc.weight', 'norm.weight']
        return {
            **{f'mtp.layers.0.{name}': t for name, t in block.items()},
            **{f'mtp.{name}': t for name, t in zip(names, own)},
        }


class StreamsHead(Head):
    """That of DeepSeek-V4; the columns of `join` are e_proj and h_proj."""

    def run(self, hidden, tokens, swapped=False):
        e, h = self.join.chunk(2, -1)
        if swapped:
            e, h = h, e
        captured = []
        layer = self.block.model.layers[0]
        with torch.no_grad():
            embedded = self.normalise(self.embed[tokens], self.norms[0]) @ e.T
            streams = embedded[:, None] + self.normalise(hidden, self.norms[1]) @ h.T
            hooks = [
                layer.register_forward_pre_hook(lambda _module, inputs: (streams[None], *inputs[1:])),
                layer.register_forward_hook(lambda _module, _inputs, output: captured.append(output[0])),
            ]
            result = self.block.model(inputs_embeds=embedded[None], use_cache=False).last_hidden_state[0]
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            return self.block.lm_head(result), captured[0]

    def hidden_rows(self, tokens):
        """The streams after the last layer, and in place of each their mean."""
        streams = []
        hook = self.model.model.layers[-1].register_forward_hook(lambda _module, _inputs, output: streams.append(output[0]))
        with torch.no_grad():
            self.model.model(torch.tensor([tokens]), use_cache=False)
        hook.remove()
        return streams[0], streams[0].mean(1, keepdim=True).expand_as(streams[0])

    def tensors(self, save):
        with tempfile.TemporaryDirectory() as folder:
            save(self.block, self.spec, Path(folder) / 'head')
            stored = safetensors.torch.load_file(Path(folder) / 'head' / 'model.safetensors')
        dtype = stored['norm.weight'].dtype
        e, h = self.join.to(dtype).chunk(2, -1)
        own = {'enorm.weight': self.norms[0].to(dtype), 'hnorm.weight': self.norms[1].to(dtype), 'e_proj.weight': e, 'h_proj.weight': h}
        block = {name.removeprefix('layers.0.'): t for name, t in stored.items() if name.startswith(('layers.0.', 'norm.', 'hc_head_'))}
        return {f'mtp.0.{name}': t.clone(memory_format=torch.contiguous_format) for name, t in {**block, **own}.items()}


def head_of(spec, model, build, fill):
    return (StreamsHead if spec['family'] == 'deepseek_v4' else Head)(spec, model, build, fill)


def add_tensors(file, tensors):
    """Adds tensors to a file of weights, in the order of their names."""
    stored = {**safetensors.torch.load_file(file), **tensors}
    safetensors.torch.save_file(dict(sorted(stored.items())), file, metadata={'format': 'pt'})
