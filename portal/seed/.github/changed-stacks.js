// Which projects a push or a pull request touches, as one line for $GITHUB_OUTPUT: stacks=[{"name":"shop.store","tenant":"shop"}].
// A file of a tenant outside its projects is shared by all of them; one outside the tenants by everybody.
import { execFileSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";

const [base = "", head = "HEAD"] = process.argv.slice(2);
const git = (...args) => execFileSync("git", args, { encoding: "utf8" });
const known = /^[0-9a-f]{40}$/.test(base) && !/^0+$/.test(base);
const paths = (known ? git("diff", "--name-only", `${base}...${head}`) : git("ls-files")).split("\n").filter(Boolean);

const all = globSync("tenants/*/*/project.ts")
  .sort()
  .map((path) => path.split("/").slice(1, 3));
const touches = (path, [tenant, project]) => {
  const [root, inTenant, inProject] = path.split("/");
  if (root !== "tenants") return ["package.json", "package-lock.json", "Pulumi.yaml"].includes(path);
  if (inTenant !== tenant) return false;
  return inProject === project || !existsSync(`tenants/${tenant}/${inProject}/project.ts`);
};
const changed = all.filter((stack) => paths.some((path) => touches(path, stack)));
console.log(`stacks=${JSON.stringify(changed.map(([tenant, project]) => ({ name: `${tenant}.${project}`, tenant })))}`);
