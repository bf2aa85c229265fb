/**
 * The few functions through which JavaScript reaches machine code, themselves machine code on Node-API [1].
 *
 * | property of the library | what |
 * |---|---|
 * | `addressOf(buffer)` | address of an ArrayBuffer or SharedArrayBuffer; undefined for anything else |
 * | `map(bytes)` | zeroed memory outside the heap, in huge pages where there are, as an ArrayBuffer; undefined if there is none |
 * | `call(functionAddress, blockAddress)` | runs a function on a block of arguments |
 * | `code` | address of the code's start |
 *
 * There is no state, so any number of threads may load the library. Nothing is checked here: whoever calls
 * `call` vouches for both addresses and all that the block points to.
 *
 * [1] https://nodejs.org/api/n-api.html
 */
import type { Assembler } from './assembler.ts';
import type { FunctionBuilder } from './function.ts';
import { MADVISE } from './hugePages.ts';
import { at, GENERAL, half, type Label, type Memory } from './operands.ts';

/** What of Node-API the bridge calls. */
export const NODE_API = [
  'napi_get_cb_info',
  'napi_get_value_int64',
  'napi_create_int64',
  'napi_create_function',
  'napi_set_named_property',
  'napi_get_arraybuffer_info',
  'napi_create_external_arraybuffer',
] as const;

/** The one symbol that Node looks up. */
export const ENTRY = 'napi_register_module_v1';

/** Labels of the slots that hold the addresses of `NODE_API`. */
export type Slots = Readonly<Record<(typeof NODE_API)[number], Label>>;

const { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10 } = GENERAL;

const MMAP = { number: 9, readWrite: 3, privateAnonymous: 0x22 };
const MUNMAP = { number: 11 };

/** Bytes of stack for arguments and results; with the saved rbx it keeps rsp a multiple of 16. */
const FRAME_BYTES = 48;

/** Adds the bridge's functions. */
export function addBridge(assembler: Assembler, slots: Slots, codeStart: Label): void {
  const unmap = assembler.addFunction('bridge.unmap', [], emitUnmap);
  const callbacks = {
    addressOf: assembler.addFunction('bridge.addressOf', [], (f) => emitAddressOf(f, slots)),
    map: assembler.addFunction('bridge.map', [], (f) => emitMap(f, slots, unmap)),
    call: assembler.addFunction('bridge.call', [], (f) => emitCall(f, slots)),
  };
  const text = (name: string): Label => assembler.constant(new TextEncoder().encode(`${name}\0`));
  assembler.addFunction(ENTRY, [], (f) => {
    enter(f).emit('push', rbp).emit('push', rbp).emit('mov', rbp, rsi);
    for (const [name, callback] of Object.entries(callbacks)) {
      f.emit('mov', rdi, rbx).emit('lea', rsi, at(text(name)));
      f.emit('mov', rdx, -1).emit('lea', rcx, at(callback)); // the name ends with a zero
      f.emit('xor', half(r8), half(r8)).emit('lea', r9, result);
      f.emit('call', at(slots.napi_create_function));
      emitProperty(f, slots, text(name));
    }
    f.emit('mov', rdi, rbx).emit('lea', rsi, at(codeStart)).emit('lea', rdx, result);
    f.emit('call', at(slots.napi_create_int64));
    emitProperty(f, slots, text('code'));
    f.emit('mov', rax, rbp).emit('pop', rbp).emit('pop', rbp);
    leave(f);
  });
}

/** Cells of the frame. In the entry function, two more words are pushed below. */
const result: Memory = at(rsp, 40);
const count: Memory = at(rsp, 0);
const argument = (i: number): Memory => at(rsp, 8 + 8 * i);
const number = (i: number): Memory => at(rsp, 24 + 8 * i);

/** Room on the stack, and the environment in rbx. */
function enter(f: FunctionBuilder): FunctionBuilder {
  return f.emit('push', rbx).emit('sub', rsp, FRAME_BYTES).emit('mov', rbx, rdi);
}

function leave(f: FunctionBuilder): void {
  f.emit('add', rsp, FRAME_BYTES).emit('pop', rbx);
}

function emitProperty(f: FunctionBuilder, slots: Slots, name: Label): void {
  f.emit('mov', rdi, rbx).emit('mov', rsi, rbp).emit('lea', rdx, at(name));
  f.emit('mov', rcx, result).emit('call', at(slots.napi_set_named_property));
}

/** Fetch the first `most` arguments of the JavaScript call into the frame. */
function emitArguments(f: FunctionBuilder, slots: Slots, most: number): void {
  f.emit('mov', count, most).emit('lea', rdx, count).emit('lea', rcx, argument(0));
  f.emit('xor', half(r8), half(r8)).emit('xor', half(r9), half(r9));
  f.emit('call', at(slots.napi_get_cb_info));
}

/** Convert argument `i` to an integer in the frame; goes to `otherwise` if it is no number. */
function emitNumber(f: FunctionBuilder, slots: Slots, i: number, otherwise: Label): void {
  f.emit('mov', rdi, rbx).emit('mov', rsi, argument(i)).emit('lea', rdx, number(i));
  f.emit('call', at(slots.napi_get_value_int64));
  f.emit('test', half(rax), half(rax)).emit('jne', otherwise);
}

/** Return undefined, which is what no result means, from `end` on. */
function finishWith(f: FunctionBuilder, value: Memory | undefined, undefinedLabel: Label): void {
  const end = f.label('end');
  if (value) f.emit('mov', rax, value).emit('jmp', end);
  f.place(undefinedLabel).emit('xor', half(rax), half(rax)).place(end);
  leave(f);
}

function emitCall(f: FunctionBuilder, slots: Slots): void {
  const wrong = f.label('wrong');
  emitArguments(enter(f), slots, 2);
  emitNumber(f, slots, 0, wrong);
  emitNumber(f, slots, 1, wrong);
  f.emit('mov', rdi, number(1)).emit('call', number(0));
  finishWith(f, undefined, wrong);
}

function emitAddressOf(f: FunctionBuilder, slots: Slots): void {
  const wrong = f.label('wrong');
  emitArguments(enter(f), slots, 1);
  f.emit('mov', rdi, rbx).emit('mov', rsi, argument(0));
  f.emit('lea', rdx, number(0)).emit('lea', rcx, number(1));
  f.emit('call', at(slots.napi_get_arraybuffer_info));
  f.emit('test', half(rax), half(rax)).emit('jne', wrong);
  f.emit('mov', rdi, rbx).emit('mov', rsi, number(0)).emit('lea', rdx, result);
  f.emit('call', at(slots.napi_create_int64));
  finishWith(f, result, wrong);
}

function emitMap(f: FunctionBuilder, slots: Slots, unmap: Label): void {
  const wrong = f.label('wrong');
  emitArguments(enter(f), slots, 1);
  emitNumber(f, slots, 0, wrong);
  f.emit('xor', half(rdi), half(rdi)).emit('mov', rsi, number(0));
  f.emit('mov', rdx, MMAP.readWrite).emit('mov', r10, MMAP.privateAnonymous);
  f.emit('mov', r8, -1).emit('xor', half(r9), half(r9));
  f.emit('mov', rax, MMAP.number).emit('syscall');
  f.emit('test', rax, rax).emit('js', wrong).emit('mov', number(1), rax); // errors are -1 to -4095
  f.emit('mov', rdi, rax).emit('mov', rsi, number(0)).emit('mov', rdx, MADVISE.hugePages);
  f.emit('mov', rax, MADVISE.number).emit('syscall'); // a wish: its failure is none
  f.emit('mov', rdi, rbx).emit('mov', rsi, number(1)).emit('mov', rdx, number(0));
  f.emit('lea', rcx, at(unmap)).emit('mov', r8, number(0)).emit('lea', r9, result);
  f.emit('call', at(slots.napi_create_external_arraybuffer));
  f.emit('test', half(rax), half(rax)).emit('jne', wrong);
  finishWith(f, result, wrong);
}

/** The finalizer (environment, address, bytes) of mapped memory. */
function emitUnmap(f: FunctionBuilder): void {
  f.emit('mov', rdi, rsi).emit('mov', rsi, rdx);
  f.emit('mov', rax, MUNMAP.number).emit('syscall');
}
