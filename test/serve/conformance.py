"""The official Python client against a running server: python3 conformance.py URL

By hand, or by `CELADON_PYTHON=… npm run test:models`, where PYTHON has the package `openai` (PyPI, 2.0 or later).
"""

import asyncio
import json
import sys

import openai

URL = sys.argv[1] + "/v1"
MODEL = "qwen3-tiny"
POEM = [{"role": "user", "content": "以《山居》为题，写一首五言绝句。"}]
client = openai.OpenAI(base_url=URL, api_key="none", max_retries=0)


def chat(**fields):
    return client.chat.completions.create(**{"model": MODEL, "messages": POEM, "temperature": 0} | fields)


def check(name, holds):
    print(("ok    " if holds else "FAILED"), name)
    if not holds:
        sys.exit(1)


whole = chat()
text = whole.choices[0].message.content
check("chat", whole.choices[0].finish_reason == "stop" and whole.usage.total_tokens > 24)

chunks = list(chat(stream=True, stream_options={"include_usage": True}))
check("stream", "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text)
check("stream usage", chunks[-1].usage.completion_tokens == whole.usage.completion_tokens)

check("n", len({c.message.content for c in chat(n=3, temperature=1, seed=5).choices}) == 3)
logprobs = chat(logprobs=True, top_logprobs=2, max_tokens=3).choices[0].logprobs.content
check("logprobs", len(logprobs) == 3 and all(t.top_logprobs[0].logprob == t.logprob for t in logprobs))

schema = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["a"],
    "additionalProperties": False,
}
form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
check("JSON schema", 1 <= json.loads(chat(response_format=form).choices[0].message.content)["a"] <= 9)

completion = client.completions.create(model=MODEL, prompt="春", max_tokens=4, temperature=0)
check("completions", completion.choices[0].finish_reason == "length")
response = client.responses.create(model=MODEL, input=POEM[0]["content"], temperature=0)
check("responses", response.output_text == text)
with client.responses.stream(model=MODEL, input=POEM[0]["content"], temperature=0) as stream:
    check("responses stream", stream.get_final_response().output_text == text)
embeddings = client.embeddings.create(model=MODEL, input=["a", "b"], dimensions=8)
check("embeddings", [len(e.embedding) for e in embeddings.data] == [8, 8])
check("models", [m.id for m in client.models.list()] == [MODEL])

try:
    client.post("/chat/completions", cast_to=object, body={"frobnicate": 1})
    check("errors", False)
except openai.BadRequestError as error:
    check("errors", error.type == "invalid_request_error")
try:
    chat(model="other")
    check("unknown model", False)
except openai.NotFoundError as error:
    check("unknown model", error.code == "model_not_found")


async def cancel():
    anew = openai.AsyncOpenAI(base_url=URL, api_key="none", max_retries=0)
    stream = await anew.chat.completions.create(model=MODEL, messages=POEM, stream=True)
    async for _ in stream:
        break
    await stream.close()


asyncio.run(cancel())
check("cancellation", chat().choices[0].message.content == text)
