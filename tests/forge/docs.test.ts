import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { forgeOperations } from "../../portal/forge/index.ts";

test("docs/forge.md lists exactly what the forge offers", () => {
  const text = readFileSync(new URL("../../docs/forge.md", import.meta.url), "utf8");
  const documented = [...text.matchAll(/^\| `(\/[^`]*)` \| ([A-Z, ]+) \|$/gm)].flatMap(([, path, methods = ""]) =>
    methods.split(", ").map((method) => `${method} ${path}`),
  );
  expect(documented.sort()).toEqual(forgeOperations.map(({ method, path }) => `${method} ${path}`).sort());
});
