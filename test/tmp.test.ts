import { test } from 'node:test';
import { CASES } from './conformance/cases.ts';
import { check, refusalOf, SUBJECTS } from './conformance/conformance.ts';
const ops = (process.env.OPS ?? 'topRows,attention,append').split(',');
for (const subject of SUBJECTS.filter((s) => s.name.startsWith('jade')))
  for (const c of CASES.filter((c) => ops.includes(c.op)))
    test(`${subject.name} ${c.op} ${c.name}`, (t) => {
      const why = refusalOf(c, subject.target);
      if (why) return t.skip(why);
      check(c, subject);
    });
