/**
 * llama.cpp, built from the sources that the npm package node-llama-cpp carries: nothing is installed,
 * and none of the package's binaries is fetched. Needs git, cmake and a C++ compiler.
 *
 * AMX is left out of the build: virtual machines often show it and do not allow it, and Celadon does
 * not use it either. All else that the processor has is on.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Sources, builds and model files, which later runs find again. */
export const FOLDER =
  process.env['CELADON_BENCH_FOLDER'] ?? path.join(os.tmpdir(), 'celadon-bench');

const PACKAGE = 'node-llama-cpp@3.22.1';

/** cmake's name of each part of the instruction set, and the kernel's. */
const FEATURES = {
  AVX: 'avx',
  AVX2: 'avx2',
  FMA: 'fma',
  F16C: 'f16c',
  BMI2: 'bmi2',
  AVX_VNNI: 'avx_vnni',
  AVX512: 'avx512f',
  AVX512_VBMI: 'avx512vbmi',
  AVX512_VNNI: 'avx512_vnni',
  AVX512_BF16: 'avx512_bf16',
} as const;

export interface LlamaCpp {
  /** Folder of llama-bench, llama-batched-bench, llama-server and llama-completion. */
  readonly bin: string;
  readonly version: string;
}

/** The build in `folder`, made there if it is not (minutes). Throws what the tools throw. */
export function buildLlamaCpp(folder: string): LlamaCpp {
  const source = path.join(folder, 'llama.cpp');
  const bin = path.join(source, 'build/bin');
  const finished = path.join(bin, 'finished');
  if (!fs.existsSync(finished)) {
    console.error('building llama.cpp, once; this takes minutes …');
    fs.rmSync(source, { recursive: true, force: true });
    fs.mkdirSync(folder, { recursive: true });
    compile(unpack(folder), source);
    fs.writeFileSync(finished, '');
  }
  return { bin, version: releaseOf(folder) };
}

/** The folder of the package's sources. */
function unpack(folder: string): string {
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { cwd: folder, encoding: 'utf8' });
  const archive = run('npm', 'pack', '--silent', PACKAGE).trim();
  run('tar', '-xzf', archive);
  return path.join(folder, 'package/llama');
}

function releaseOf(folder: string): string {
  const file = path.join(folder, 'package/llama/binariesGithubRelease.json');
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { release: string }).release;
}

function compile(sources: string, folder: string): void {
  const run = (program: string, ...args: string[]): void => {
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  run('git', 'clone', '--quiet', path.join(sources, 'gitRelease.bundle'), folder);
  const build = path.join(folder, 'build');
  const off = ['-DGGML_NATIVE=OFF'];
  const parts = ['TESTS', 'EXAMPLES', 'UI'].map((name) => `-DLLAMA_BUILD_${name}=OFF`);
  const options = ['-DCMAKE_BUILD_TYPE=Release', '-DBUILD_SHARED_LIBS=OFF', '-DLLAMA_CURL=OFF'];
  run('cmake', '-S', folder, '-B', build, ...options, ...off, ...parts, ...featureOptions());
  const targets = ['bench', 'batched-bench', 'server', 'completion'].map((name) => `llama-${name}`);
  run('cmake', '--build', build, '--parallel', '2', '--target', ...targets);
}

function featureOptions(): string[] {
  const flags = /^flags\s*:(.*)$/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  const has = new Set(flags.trim().split(/\s+/));
  return Object.entries(FEATURES).map(
    ([name, flag]) => `-DGGML_${name}=${has.has(flag) ? 'ON' : 'OFF'}`,
  );
}
