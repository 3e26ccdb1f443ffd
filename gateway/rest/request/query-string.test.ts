import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refusal } from "../refusal.ts";
import { arrayLiteral } from "./filter.ts";
import { parseQuery } from "./query-string.ts";

const options = { isCall: false, maxRows: null };
const parse = (query: string) => parseQuery(query, options);
const escaped = (text: string) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
/** Any text that HTTP can bring. */
const text = fc.string({ unit: "binary" }).filter((one) => one.isWellFormed() && !one.includes("\0"));

describe("a value", () => {
  test("comes out as it went in, and never stands in the shape", () => {
    fc.assert(
      fc.property(text, (value) => {
        const found = parse(`name=eq.${encodeURIComponent(value)}`);
        expect(found.values).toEqual([value]);
        expect(found.shape).toBe("name=eq");
      }),
    );
  });
  test("does so inside a logic tree and a list, when quoted", () => {
    fc.assert(
      fc.property(text, text, (one, two) => {
        const tree = `(a.eq.${escaped(one)},not.and(b.neq.${escaped(two)},c.in.(${escaped(one)},${escaped(two)})))`;
        const found = parse(`or=${encodeURIComponent(tree)}`);
        expect(found.values).toEqual([one, two, arrayLiteral([one, two])]);
        expect(found.shape).toBe(parse("or=(a.eq.1,not.and(b.neq.2,c.in.(3)))").shape);
      }),
    );
  });
  test("of like has its stars made percents", () => {
    expect(parse("name=ilike.*a*").values).toEqual(["%a%"]);
  });
});

test("a name comes out as it went in, when quoted", () => {
  fc.assert(
    fc.property(
      text.filter((one) => one !== ""),
      (name) => {
        const found = parse(`${encodeURIComponent(escaped(name))}=is.null&select=${encodeURIComponent(escaped(name))}`);
        expect(found.level.filters).toMatchObject([{ kind: "filter", field: { name, path: [] } }]);
        expect(found.select).toEqual([{ kind: "field", field: { name, path: [] } }]);
      },
    ),
  );
});

test("whatever comes is understood or refused in PostgREST's words", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "select=",
      "&",
      "or=(",
      "not.",
      "eq.",
      "in.(",
      ")",
      '"',
      "->>",
      "::",
      "...",
      "!",
      "order=",
      "(any)",
      "%",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        parse(pieces.join(""));
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Refusal);
        expect((thrown as Refusal).code).toMatch(/^PGRST1\d\d$/);
      }
    }),
    { numRuns: 2000 },
  );
});

describe("select", () => {
  const select = (list: string) => parse(`select=${encodeURIComponent(list)}`).select;
  test("renames, casts and JSON paths", () => {
    expect(select("n:name::text,data->a->>0")).toEqual([
      { kind: "field", field: { name: "name", path: [] }, alias: "n", cast: "text" },
      {
        kind: "field",
        field: {
          name: "data",
          path: [
            { kind: "key", name: "a", isText: false },
            { kind: "index", name: "0", isText: true },
          ],
        },
      },
    ]);
  });
  test("embeds with hints, joins, spreads and nesting", () => {
    expect(select("c:client!fk!inner(id,...x(*)),count()")).toEqual([
      {
        ...{ kind: "embed", name: "client", alias: "c", hint: "fk", join: "inner", isSpread: false },
        items: [
          { kind: "field", field: { name: "id", path: [] } },
          { kind: "embed", name: "x", join: "left", isSpread: true, items: [{ kind: "star" }] },
        ],
      },
      { kind: "field", aggregate: "count" },
    ]);
  });
  test("nested too deep is refused", () => {
    expect(() => select(`${"a(".repeat(40)}id${")".repeat(40)}`)).toThrow(/failed to parse select/);
  });
});

describe("levels", () => {
  test("filters, order and limits go to the embed that they name", () => {
    const { level, values } = parse("a.b.name=eq.1&a.order=x.desc.nullslast&a.limit=2&limit=3&a.b.or=(x.is.null)");
    const a = level.embeds.get("a");
    expect(a?.order).toEqual([{ field: { name: "x", path: [] }, direction: "desc", nulls: "last" }]);
    expect([values[a?.limit ?? 0], values[level.limit ?? 0]]).toEqual(["2", "3"]);
    expect(a?.embeds.get("b")?.filters).toHaveLength(2);
  });
  test("limits are cut at what the settings allow", () => {
    expect(parseQuery("a.limit=500", { isCall: false, maxRows: 100 }).values).toEqual(["100"]);
  });
});

test("of a call, what is no filter is an argument", () => {
  const { args, level, values } = parseQuery("a=1&b=eq.2&a=3", { isCall: true, maxRows: null });
  expect(args.map(({ name, slot }) => [name, values[slot]])).toEqual([
    ["a", "1"],
    ["a", "3"],
  ]);
  expect(level.filters).toHaveLength(1);
});
