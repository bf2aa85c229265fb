/** Explanations of `celadon explore` as text. */
import type { Explanation } from '../explore/index.ts';
import { formatTable } from './table.ts';

export function explanationText(
  { chip, limitedBy, neighbours, shadowPrices, sensitivities }: Explanation,
  objectives: readonly string[],
): string {
  const steps = neighbours.map(({ axis, from, to, verdict, changes, broken, reason }) => [
    axis,
    `${from} → ${to}`,
    verdict,
    ...objectives.map((_, i) => (changes[i] === undefined ? '' : percent(changes[i]))),
    broken.length > 0
      ? broken.map(({ limit, excess }) => `${limit} ${percent(excess)}`).join(', ')
      : reason,
  ]);
  const prices = shadowPrices.map(({ limit, widened, binds, gains }) => [
    limit,
    percent(widened),
    binds ? 'binds' : 'buys nothing found',
    ...gains.map(({ best }) => percent(best)),
    ...gains.map(({ here }) => percent(here)),
  ]);
  const uncertain = sensitivities.map(({ name, low, high, changesBestOf }) => [
    name,
    ...[low, high].map(({ value, changes }) => {
      return `${value}: ${changes.map(percent).join(', ')}`;
    }),
    `${low.leaving.length + high.leaving.length}`,
    changesBestOf.join(', ') || '-',
  ]);
  return [
    `${chip} waits for ${limitedBy} most.`,
    '',
    formatTable([['one step', '', '', ...objectives, 'why'], ...steps]),
    '',
    ...(prices.length === 0
      ? ['no limits, so none has a price']
      : [
          formatTable([
            [
              'limit, wider by',
              '',
              '',
              ...objectives.map((name) => `best ${name}`),
              ...objectives.map((name) => `${name} here`),
            ],
            ...prices,
          ]),
        ]),
    '',
    formatTable([
      [
        'uncertain input',
        `low: change of ${objectives.join(', ')}`,
        'high',
        'leave the front',
        'best changes of',
      ],
      ...uncertain,
    ]),
  ].join('\n');
}

function percent(share: number): string {
  return `${share >= 0 ? '+' : '−'}${(100 * Math.abs(share)).toFixed(1)} %`;
}
