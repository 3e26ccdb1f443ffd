import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Texts of a small repository, for tests to put together. */
export const projectFile = `import { project } from "@nebuladb/platform";

export default project({ placement: "local" });
`;

export const database = (name: string, options = 'version: "18"', before = ""): string =>
  `import { Postgres } from "@nebuladb/platform";
${before}
export default new Postgres(${JSON.stringify(name)}, { ${options} });
`;

/** The project `acme.shop`: project.ts and the given files of its folder. A path with a slash is taken from the root. */
export function shop(files: Readonly<Record<string, string>>): Map<string, string> {
  return new Map([
    ["tenants/acme/shop/project.ts", projectFile],
    ...Object.entries(files).map(([path, text]): [string, string] => [
      path.includes("/") ? path : `tenants/acme/shop/${path}`,
      text,
    ]),
  ]);
}

const root = join(import.meta.dirname, "..", "..");

/** The repository's own `tenants/`. */
export const exampleTenants = (): Map<string, string> =>
  new Map(globSync("tenants/**/*.ts", { cwd: root }).map((path) => [path, readFileSync(join(root, path), "utf8")]));
