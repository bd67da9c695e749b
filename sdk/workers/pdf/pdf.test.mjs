import assert from "node:assert/strict";
import { test } from "node:test";
import { pdfOf } from "./pdf.mjs";

test("a reader finds each object where the table says", () => {
  for (const count of [0, 1, 50, 51, 1000]) {
    const done = [];
    const pdf = pdfOf("Invoice (7) \\ ä", Array.from({ length: count }, (_, n) => `line ${n} €`), (part) => done.push(part)).toString("latin1");
    const start = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(pdf)[1]);
    const [head, ...rows] = pdf.slice(start).split(" \n").filter((row) => /\d{5} [fn]$/.test(row));
    assert.match(head, /^xref\n0 \d+\n0000000000 65535 f$/);
    rows.forEach((row, n) => assert.ok(pdf.startsWith(`${n + 1} 0 obj\n`, Number(row.slice(0, 10))), row));
    const pages = Math.max(1, Math.ceil(count / 50));
    assert.equal(rows.length, 3 + 2 * pages);
    assert.deepEqual([done.length, done.at(-1)], [pages, 1]);
    for (const [, length, text] of pdf.matchAll(/\/Length (\d+) >>\nstream\n([^]*?)\nendstream/g)) assert.equal(text.length, Number(length));
    assert.ok(pdf.includes(String.raw`(Invoice \(7\) \\ ä`), "strings are escaped");
    assert.equal(pdf.includes("line 0 ?"), count > 0);
  }
});
