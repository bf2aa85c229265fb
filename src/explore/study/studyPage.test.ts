import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedResult, syntheticStudy } from '../../../test/explore/syntheticStudy.ts';
import { toMarkdown } from '../../base/index.ts';
import { frontSvg, studyDocument, studyHtml } from './studyPage.ts';

const study = syntheticStudy();
const references = [
  { name: 'A & <b>', metrics: { speed: 9, area: 300 } },
  { name: 'unknown', metrics: { speed: null, area: 5 } },
];
const roofs = [{ name: 'wide', operationsPerSecond: 1e15, bytesPerSecond: 1e12 }];
const options = { title: 'A </script> study', references, roofs };

test('a report has the front, real chips, rooflines and what was asked', () => {
  const text = toMarkdown(studyDocument(study, options));
  assert.match(
    text,
    new RegExp(`576 points evaluated, ${expectedResult().front.length} on the front`),
  );
  assert.match(text, /the search has not ended/);
  assert.match(text, /\| unknown \| \? \| 5 \|/);
  assert.match(text, /Roofline: operations a second|operations a byte of memory/);
  assert.match(text, /- objectives: speed \(most\), area \(least\)/);
  assert.match(text, /- limits: \{"area":400\}/);
});

test('the page asks for nothing from elsewhere, and text stays text', () => {
  const html = studyHtml(study, options);
  assert.doesNotMatch(html, /(?:src|href)=|@import|url\(/);
  assert.equal(html.match(/<\/script>/g)!.length, 2);
  assert.match(html, /A &amp; &lt;b&gt;/);
  assert.ok(html.length < 1e6);
});

test('the front as SVG', () => {
  const svg = frontSvg(study, references);
  assert.match(svg, /^<svg xmlns/);
  const dots = svg.match(/<circle/g)!.length;
  assert.equal(dots, expectedResult().front.length + 1, 'the chip without a speed has no place');
});

test('a study of nothing that serves says so, without a plot', () => {
  const empty = { ...study, count: 0, points: () => [] };
  assert.match(studyHtml(empty, options), /No point keeps all limits/);
});
