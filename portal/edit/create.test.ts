import { describe, expect, test } from "vitest";
import { createDatabase, createProject, deleteDatabase, type OptionsPatch, retireDatabase } from "./index.ts";
import { filesOf, folder, head, place, refusal, textOf } from "./test-project.ts";

describe("creating", () => {
  const wanted = { ...place, engine: "postgres" as const };
  const options = { storage: "10Gi", version: "18", compute: { min: 0.25, max: 0.5 }, tags: { owner: "shop-team" } };

  test("writes a file that a person would have written", () => {
    expect(createDatabase(filesOf({}), { ...wanted, options })).toEqual({
      changes: [
        {
          path: `${folder}/orders.ts`,
          content: `import { Postgres } from "@nebuladb/platform";

export default new Postgres("orders", {
  version: "18",
  compute: { min: 0.25, max: 0.5 },
  storage: "10Gi",
  tags: { owner: "shop-team" },
});
`,
        },
      ],
    });
  });

  test("follows the style of the neighbours", () => {
    const carts =
      "import { Postgres } from '@nebuladb/platform'\r\n\r\nexport default new Postgres('carts', {\r\n\tversion: '18',\r\n})\r\n";
    const files = new Map([...filesOf({ "carts.ts": carts })].filter(([path]) => !path.endsWith("project.ts")));
    files.set(
      `${folder}/project.ts`,
      "import { project } from '@nebuladb/platform'\r\n\r\nexport default project()\r\n",
    );
    expect(textOf(createDatabase(files, { ...wanted, options: { version: "18", tags: { owner: "it's" } } }))).toBe(
      "import { Postgres } from '@nebuladb/platform'\r\n\r\nexport default new Postgres('orders', {\r\n\tversion: '18',\r\n\ttags: { owner: 'it\\'s' },\r\n})\r\n",
    );
  });

  test("breaks long lists over lines", () => {
    const roles = Array.from({ length: 5 }, (_, i) => ({ name: `reader_${i}`, login: true, access: "read" }));
    expect(textOf(createDatabase(filesOf({}), { ...wanted, options: { version: "18", roles } }))).toContain(
      '  roles: [\n    { name: "reader_0", login: true, access: "read" },\n',
    );
  });

  test("never lets a value become code", () => {
    const nasty = '"); process.exit(1); ("$\u007b1}`\'\u2028\n*/';
    const content = textOf(
      createDatabase(filesOf({}), { ...wanted, options: { version: "18", tags: { owner: nasty } } }),
    );
    expect(JSON.parse(/owner: (".*") \}/.exec(content ?? "")?.[1] ?? "")).toBe(nasty);
  });

  test.each([
    ["a bad option", { ...wanted, options: { version: "18", colour: "red" } }, "NEB640"],
    ["a bad name", { ...wanted, name: "../../fleet/x", options }, "NEB640"],
    ["a reserved name", { ...wanted, name: "project", options }, "NEB640"],
    ["a project that is not there", { ...wanted, project: "nowhere", options }, "NEB642"],
  ])("refuses %s", (_, asked, code) => {
    expect(refusal(() => createDatabase(filesOf({}), asked)).code).toBe(code);
  });

  test("refuses a name that is taken, in its own file or in another one", () => {
    const text = `${head}export default new Postgres("orders", { version: "18" });\n`;
    for (const file of ["orders.ts", "all.ts"])
      expect(refusal(() => createDatabase(filesOf({ [file]: text }), { ...wanted, options })).code).toBe("NEB641");
  });
});

describe("retiring and deleting", () => {
  const live = `${head}export default new Postgres("orders", {\n  version: "18",\n});\n`;
  const retired = live.replace("\n});", "\n  retire: true,\n});");

  test("are two steps", () => {
    expect(textOf(retireDatabase(filesOf({ "orders.ts": live }), place))).toBe(retired);
    expect(refusal(() => deleteDatabase(filesOf({ "orders.ts": live }), place)).code).toBe("NEB646");
    expect(deleteDatabase(filesOf({ "orders.ts": retired }), place)).toEqual({
      changes: [{ path: `${folder}/orders.ts`, content: null }],
    });
  });

  test("one of several leaves the others as they are", () => {
    const list = `${head}export default [\n  new Postgres("carts", { version: "18" }), // keep\n  new Postgres("orders", { version: "18", retire: true }), // go\n];\n`;
    expect(textOf(deleteDatabase(filesOf({ "all.ts": list }), place), "all.ts")).toBe(
      `${head}export default [\n  new Postgres("carts", { version: "18" }), // keep\n];\n`,
    );
  });

  test("a file that others import stays", () => {
    const carts = `${head}import orders from "./orders.ts";\nexport default new Postgres("carts", { version: "18" });\n`;
    const error = refusal(() => deleteDatabase(filesOf({ "orders.ts": retired, "carts.ts": carts }), place));
    expect(error).toMatchObject({ code: "NEB648", message: expect.stringContaining("carts.ts") });
  });
});

test("a project is a folder with a project.ts", () => {
  const options = {
    placement: "kubernetes",
    region: "fra",
    quota: { cpu: 2, memory: "4Gi", storage: "10Gi", databases: 2 },
  };
  expect(createProject(filesOf({}), { tenant: "acme", project: "web", options }).changes).toEqual([
    {
      path: "tenants/acme/web/project.ts",
      content: `import { project } from "@nebuladb/platform";\n\nexport default project({\n  placement: "kubernetes",\n  region: "fra",\n  quota: { cpu: 2, memory: "4Gi", storage: "10Gi", databases: 2 },\n});\n`,
    },
  ]);
  const create =
    (tenant: string, project: string, rest: OptionsPatch = {}) =>
    () =>
      createProject(filesOf({}), { tenant, project, options: rest });
  expect(refusal(create("acme", "shop")).code).toBe("NEB641");
  expect(refusal(create("nobody", "web")).code).toBe("NEB642");
  expect(refusal(create("acme", "Web")).code).toBe("NEB640");
  expect(refusal(create("acme", "shared")).code).toBe("NEB640");
  expect(refusal(create("acme", "web", { placement: "moon" })).code).toBe("NEB640");
});
