import fc from "fast-check";
import { expect, test } from "vitest";
import { header, renderConf } from "./conf.ts";
import { fileDeviations, parseConf, parseRules, readConf } from "./conf-read.ts";
import { canonicalSetting, deviationsOf } from "./setting-values.ts";

const shape = fc.record({
  units: fc.integer({ min: 1, max: 256 }).map((quarters) => quarters / 4),
  extensions: fc.uniqueArray(fc.constantFrom("hstore", "pg_stat_statements", "vector")),
});
const input = shape.map((it) => ({
  ...it,
  ...{ id: "acme.shop.orders", databaseName: "orders", socketDir: "/it's \\here", hbaPath: "/i/pg_hba.conf" },
}));

test("what was rendered reads back as written, whatever comments, blanks and repeats stand in it", () => {
  fc.assert(
    fc.property(input, (given) => {
      const { conf, hba } = renderConf(given);
      expect(readConf(conf, hba, header).asWritten).toBe(true);
      const noisy = conf
        .split("\n")
        .map((line) => (line === "" ? line : `  ${line}   # why\n\n`))
        .join("\n");
      const spaced = hba.replaceAll(" ", "\t ").replace("\n", "\n# a word\n");
      expect(readConf(`# first\n${noisy}`, spaced, header).asWritten).toBe(true);
      expect(readConf(`work_mem = 1GB\n${conf}`, hba, header).asWritten).toBe(true);
    }),
  );
});

test("a setting that was changed, added or taken away is named, and so are rules", () => {
  const { conf, hba } = renderConf({
    ...{ id: "a.b.c", databaseName: "c", socketDir: "/s", hbaPath: "/h", units: 1 },
    extensions: [],
  });
  const wanted = readConf(conf, hba, header);
  const names = (otherConf: string, otherHba = hba) => {
    const found = readConf(otherConf, otherHba, header);
    return found.asWritten ? [] : fileDeviations(found, wanted).map(({ name }) => name);
  };
  expect(names(conf)).toEqual([]);
  expect(names(conf.replace("work_mem = '8MB'", "work_mem = '9MB'"))).toEqual(["work_mem"]);
  expect(names(`${conf}WORK_MEM 1GB\n`)).toEqual(["work_mem"]);
  expect(names(`${conf}include 'more.conf'\n`)).toEqual(["include"]);
  expect(names(`${conf}fsync = off\n`)).toEqual(["fsync"]);
  expect(names(conf.replace(/^work_mem.*$/m, ""))).toEqual(["work_mem"]);
  expect(names(conf, `${hba}host all all 0.0.0.0/0 trust\n`)).toEqual(["pg_hba.conf"]);
  expect(names("", hba).length).toBeGreaterThan(20);
});

test("a file is read as Postgres reads it", () => {
  expect(parseConf("a.b = 'it''s \\\\ x' # c\nwork_mem 4MB\n#x = 1\n listen_addresses='*'\n")).toEqual({
    "a.b": "it's \\ x",
    work_mem: "4MB",
    listen_addresses: "*",
  });
  expect(parseRules("# c\n\nhost  all\tall  1.2.3.4/32 reject # no\n")).toEqual(["host all all 1.2.3.4/32 reject"]);
});

test("two spellings of one value are one value", () => {
  const same = (a: string, b: string, unit: string | null, vartype: string) =>
    expect(canonicalSetting(a, { unit, vartype })).toBe(canonicalSetting(b, { unit: null, vartype }));
  same("128MB", "16384", "8kB", "integer");
  same("1GB", "1024", "MB", "integer");
  same("1.5GB", "196608", "8kB", "integer");
  same("0700", "0700", null, "integer");
  same("1h", "3600", "s", "integer");
  same("-1", "-1", "ms", "integer");
  same("true", "on", null, "bool");
  same("SYNC", "sync", null, "enum");
  const shown = { name: "work_mem", setting: "8192", unit: "kB", vartype: "integer", pendingRestart: false };
  expect(deviationsOf({ work_mem: "8MB" }, [shown])).toEqual([]);
  expect(deviationsOf({ work_mem: "9MB" }, [shown])).toEqual([{ name: "work_mem", given: "9MB", found: "8192 kB" }]);
  expect(deviationsOf({ "nebula.loaded": "x" }, [shown])).toEqual([]);
});
