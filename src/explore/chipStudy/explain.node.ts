/**
 * Why a design of a front is as it is: what it waits for, what each limit costs, what its neighbours
 * would change, and which uncertain inputs of the catalogue would move it or its rivals.
 */
import { loadAllSilicon, loadExportRules, loadMemories, loadWafers } from '../../chip/index.ts';
import type { Memory, SupplyRange } from '../../chip/index.ts';
import { loadSiliconPieces } from '../../target/jade/index.ts';
import { neighbourTable, type NeighbourRow } from '../explain/neighbourTable.ts';
import { sensitivities, type Sensitivity, type Uncertain } from '../explain/sensitivity.ts';
import { shadowPrices, type ShadowPrice } from '../explain/shadowPrices.ts';
import { remembering } from '../explain/view.ts';
import type { Point } from '../search/problem.ts';
import { ChipEstimates, type EstimateSources } from '../space/chipEstimates.ts';
import { Limits } from '../space/limits.ts';
import { outcomeOf } from '../study/index.ts';
import { ChipGrid } from './chipGrid.ts';
import { chipView } from './chipView.ts';
import type { Explored } from './explore.node.ts';
import { inputsOf } from './inputs.ts';

export interface Explanation {
  readonly point: Point;
  readonly chip: string;
  readonly limitedBy: string;
  readonly neighbours: readonly NeighbourRow[];
  readonly shadowPrices: readonly ShadowPrice[];
  readonly sensitivities: readonly Sensitivity[];
}

/** Points looked at for each limit. */
const LOOKS = 400;

/** Of the `i`-th design of the front. */
export async function explainDesign(explored: Explored, i: number): Promise<Explanation> {
  const { definition, grid, front } = explored;
  const { point, design, evaluation } = front[i]!;
  const view = remembering(chipView(grid, definition));
  const points = front.map((each) => each.point);
  const objectives = definition.objectives.map(({ metric }) => metric);
  return {
    point,
    chip: design.decode.chip.name,
    limitedBy: `${evaluation['limitedBy']}`,
    neighbours: neighbourTable(view, point),
    shadowPrices: shadowPrices(view, points, { point, evaluations: LOOKS }),
    sensitivities: await sensitivitiesOf(explored, objectives, points),
  };
}

/** An input with its range, and the catalogue with another value of it. */
interface Input extends Uncertain {
  readonly at: (value: number) => Pick<EstimateSources, 'memories' | 'wafers'>;
}

async function sensitivitiesOf(
  { definition, front }: Explored,
  objectives: readonly string[],
  points: readonly Point[],
): Promise<Sensitivity[]> {
  const inputs = inputsOfFront(front.map(({ design }) => design.decode.chip));
  const { SiliconPieces } = await loadSiliconPieces();
  const [pieces, nodes, rules] = [new SiliconPieces(), loadAllSilicon(), loadExportRules()];
  const study = inputsOf(definition);
  const grids = new Map<string, ChipGrid>();
  const gridAt = (name: string, value: number): ChipGrid =>
    grids.getOrInsertComputed(`${name} ${value}`, () => {
      const changed = inputs.find((input) => input.name === name)!.at(value);
      const estimates = new ChipEstimates({ pieces, nodes, ...changed });
      const limits = new Limits(study.limits, estimates, rules);
      return new ChipGrid(study, definition.objectives, limits, estimates);
    });
  return sensitivities(inputs, objectives, points, (point, name, value) => {
    return outcomeOf(definition.objectives, gridAt(name, value).evaluate(point)).objectives;
  });
}

/** Energy and price of the memories of a front, price and defects of its wafers. */
function inputsOfFront(
  chips: readonly { readonly memory: { type: string }; readonly process: { node: string } }[],
): Input[] {
  const [memories, wafers] = [loadMemories(), loadWafers()];
  const types = [...new Set(chips.map(({ memory }) => memory.type))];
  const nodes = [...new Set(chips.map(({ process }) => process.node))];
  return [
    ...types.flatMap((type) => [
      ...input(`energy of ${type}, pJ/bit`, memories.get(type)!.picojoulesPerBit, (range) => {
        return { wafers, memories: withMemory(memories, type, { picojoulesPerBit: range }) };
      }),
      ...input(`price of ${type}, $/GB`, memories.get(type)!.dollarsPerGB, (range) => {
        return { wafers, memories: withMemory(memories, type, { dollarsPerGB: range }) };
      }),
    ]),
    ...nodes.flatMap((id) => {
      const node = wafers.nodes[id];
      if (node === undefined) return [];
      const changed = (part: object): Pick<EstimateSources, 'memories' | 'wafers'> => ({
        memories,
        wafers: { ...wafers, nodes: { ...wafers.nodes, [id]: { ...node, ...part } } },
      });
      return [
        ...input(`wafer of ${id}, $`, node.waferDollars, (waferDollars) =>
          changed({ waferDollars }),
        ),
        ...input(`defects of ${id}, 1/cm²`, node.defectsPerCm2, (defectsPerCm2) =>
          changed({ defectsPerCm2 }),
        ),
      ];
    }),
  ];
}

function input(
  name: string,
  range: SupplyRange | null,
  change: (range: SupplyRange) => Pick<EstimateSources, 'memories' | 'wafers'>,
): Input[] {
  if (range === null) return [];
  const { low, value, high } = range;
  const at = (each: number) => change({ ...range, low: each, value: each, high: each });
  return [{ name, low, value, high, at }];
}

function withMemory(
  memories: ReadonlyMap<string, Memory>,
  id: string,
  part: Partial<Memory>,
): ReadonlyMap<string, Memory> {
  return new Map([...memories, [id, { ...memories.get(id)!, ...part }]]);
}
