import { expect, test } from "vitest";
import { originsOf, trace } from "./views.ts";

const entry = (resno: number, table: number, column: number) =>
  `{TARGETENTRY :expr {VAR :varno 1 :varattno ${column}} :resno ${resno} :resname a\\ \\{b :ressortgroupref 0 :resorigtbl ${table} :resorigcol ${column} :resjunk false}`;

test("only the outermost target list says what a view shows", () => {
  const inner = `{RANGETBLENTRY :subquery {QUERY :targetList (${entry(1, 99, 9)})}}`;
  const action = `({QUERY :rtable (${inner}) :targetList (${entry(1, 10, 1)} ${entry(2, 0, 0)} ${entry(3, 10, 4)})})`;
  expect([...originsOf(action)]).toEqual([
    [1, { relation: "10", column: 1 }],
    [3, { relation: "10", column: 4 }],
  ]);
});

test("a view of a view shows what the inner one shows", () => {
  const views = new Map([
    ["v1", new Map([[1, { relation: "t", column: 5 }]])],
    [
      "v2",
      new Map([
        [7, { relation: "v1", column: 1 }],
        [8, { relation: "v1", column: 2 }],
      ]),
    ],
  ]);
  expect([...(trace(views).get("v2") ?? [])]).toEqual([[7, { relation: "t", column: 5 }]]);
});
