/** `celadon check` on chips of ours: the target itself is asked what it lacks. */
import { CapacityError, UnsupportedError } from '../base/index.ts';
import { loadChip, type Chip } from '../chip/index.ts';
import { lowerGraph } from '../compile/index.ts';
import {
  checkOwnChip,
  type CheckReport,
  type CheckRequest,
  type Finding,
} from '../interop/index.ts';
import { topologicalOrder, type Graph } from '../ir/index.ts';
import type { CheckedModel } from './checkModels.ts';
import { createJade } from './targets.ts';

/** A chip of ours answers for itself. */
export async function ownReport(
  { facts, graph }: CheckedModel,
  name: string,
  request: CheckRequest,
): Promise<CheckReport> {
  const chip = loadChip(name);
  const { weightFormat } = chip.matrix;
  return checkOwnChip(
    facts,
    {
      name: chip.name,
      capacityBytes: chip.memory.sizeBytes,
      weightFormat: weightFormat === 'mxint8' ? 'mxfp8' : weightFormat, // as many bits
      refusals: await refusalsOf(graph, chip, request.contextTokens),
    },
    request,
  );
}

/** Operators that the target has no lowering for, each once with its reason. */
async function refusalsOf(graph: Graph, chip: Chip, contextTokens: number): Promise<Finding[]> {
  try {
    const target = await createJade(chip, contextTokens);
    const refused = topologicalOrder(lowerGraph(graph, target)).flatMap((node) => {
      const support = target.supports(node);
      return support.ok ? [] : [{ op: node.op, reason: support.reason }];
    });
    return [...Map.groupBy(refused, ({ op, reason }) => `${op}: ${reason}`)].map(([text, nodes]) =>
      refusal(nodes[0]!.op, `${text} (${nodes.length} in the model); runs on --target cpu`),
    );
  } catch (error) {
    if (error instanceof UnsupportedError || error instanceof CapacityError)
      return [refusal('program', error.message)];
    throw error;
  }
}

function refusal(subject: string, text: string): Finding {
  return {
    about: 'operator',
    subject,
    status: 'missing',
    text,
    basis: 'target.supports',
    url: null,
  };
}
