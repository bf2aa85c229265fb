/** Strings that are none of given ones, for properties beyond those that a schema names. */
import { nothing, repeat, sequence, text, type Network, type Piece } from './network.ts';
import { plainCharacter, plainCharacterBut } from './jsonText.ts';

interface Node {
  readonly next: Map<number, Node>;
  isName: boolean;
}

/** A string in quotes, without escapes, that is not in `names`. */
export function otherName(names: readonly string[]): Piece {
  const tree = treeOf(names);
  const way: Piece = (network, from, to) => {
    const free = network.state();
    repeat(plainCharacter, 0)(network, free, to);
    lay(network, tree, { from, to, free });
  };
  return sequence(text('"'), way, text('"'));
}

/** A text that leaves the tree is free; one that stays within it ends where no name does. */
function lay(
  network: Network,
  tree: Node,
  { from, to, free }: { from: number; to: number; free: number },
): void {
  const open: [Node, number][] = [[tree, from]];
  for (const [node, state] of open) {
    if (!node.isName) nothing(network, state, to);
    plainCharacterBut([...node.next.keys()])(network, state, free);
    for (const [codePoint, child] of node.next) {
      const next = network.state();
      text(String.fromCodePoint(codePoint))(network, state, next);
      open.push([child, next]);
    }
  }
}

function treeOf(names: readonly string[]): Node {
  const root: Node = { next: new Map(), isName: false };
  for (const name of names) {
    let node = root;
    for (const character of name) {
      node = node.next.getOrInsertComputed(character.codePointAt(0)!, () => ({
        next: new Map(),
        isName: false,
      }));
    }
    node.isName = true;
  }
  return root;
}
