/** Programs that try to carry a canary out of the sandbox, for the tests that attack it. */
export const canary = "canary-7f3a9c";

export const others = {
  "tenants/lab/shared/secret.ts": `export const secret = "${canary}";`,
  "tenants/lab/research/secret.ts": `export const secret = "${canary}";`,
  "tenants/acme/other/secret.ts": `export const secret = "${canary}";`,
  "tenants/acme/tenant.ts": `export const secret = "${canary}"; export default 1;`,
  "tenants/fleet/prices.ts": `export const secret = "${canary}"; export default 1;`,
  "root/secret.ts": `export const secret = "${canary}"; export default 1;`,
};

/** A program whose `found` goes out as a tag, and as an error when it is not plain. */
export const carrying = (code: string): string => `import { Postgres } from "@nebuladb/platform";
let found: any;
try { found = (() => { ${code} })(); } catch (error) { found = "error " + error; }
let text = "nothing";
try { text = typeof found === "string" ? found : JSON.stringify(found) ?? String(found); } catch (error) { text = String(error); }
export default new Postgres("x", { version: "18", tags: { found: text.slice(0, 200) } });
`;

export const reaching: Readonly<Record<string, string>> = {
  process: "return process.env;",
  "process of globalThis": "return (globalThis as any).process.env;",
  require: 'return require("node:fs").readFileSync("/etc/passwd", "utf8");',
  "module.require": 'return (module as any).require("fs");',
  Deno: "return (globalThis as any).Deno.env.toObject();",
  fetch: 'return fetch("http://127.0.0.1:4400/");',
  XMLHttpRequest: "return new (globalThis as any).XMLHttpRequest();",
  WebAssembly: "return new (globalThis as any).WebAssembly.Memory({ initial: 1 });",
  "Function constructor": 'return new Function("return this.process && this.process.env")();',
  "constructor of a constructor": 'return (globalThis as any).constructor.constructor("return process")().env;',
  "constructor of an error":
    'try { (null as any).x } catch (e: any) { return e.constructor.constructor("return process")().env; }',
  "constructor of a generator": 'return (function* () {}).constructor("return process")().next().value.env;',
  "constructor of an async function": 'return (async () => {}).constructor("return process.env")();',
  "constructor of the vocabulary": 'return (Postgres as any).constructor.constructor("return process")().env;',
  "indirect eval": 'return (0, eval)("process.env");',
  "direct eval": "return eval(\"typeof process === 'undefined' ? 'no process' : process.env\");",
  "eval of an import": "return (0, eval)(\"import('node:fs')\");",
  "import.meta": "return JSON.stringify((import.meta as any).dirname) + JSON.stringify(import.meta);",
  "import.meta.url read": "return (import.meta as any).resolve('node:fs');",
  "this of the module": "return Object.keys((function (this: any) { return this; }).call(undefined) ?? {});",
  "callers of the stack": "return (function f() { return (f as any).caller; })();",
  "arguments.callee": "return (function (this: any) { return (arguments as any).callee.caller; })();",
  prepareStackTrace:
    '(Error as any).prepareStackTrace = (_: any, sites: any) => sites.map((s: any) => s.getThis()); return new Error("x").stack;',
  "globals by name":
    "return Object.getOwnPropertyNames(globalThis).filter((n) => /process|require|std|os|print|load|fetch|host/i.test(n));",
  "QuickJS std": 'return (globalThis as any).std.getenv("NEBULA_CANARY");',
  "QuickJS os": "return (globalThis as any).os.environ();",
  scriptArgs: "return (globalThis as any).scriptArgs;",
  "emscripten Module": "return (globalThis as any).Module.FS;",
  "shared memory": "return new SharedArrayBuffer(8).constructor.constructor('return process')();",
  "proxy of a promise":
    "return new Proxy(Promise.resolve(), { get: (_t, key) => key === 'constructor' ? Function('return process')() : 1 });",
  "symbol species":
    "class A extends Array { static get [Symbol.species](): any { return Function('return process.env')(); } } return new A(1, 2).map((x) => x);",
  "reflect construct": "return Reflect.construct(Function, ['return process.env'])();",
  "getter on Object.prototype":
    "Object.defineProperty(Object.prototype, 'kind', { get() { return 'project'; } }); return 'polluted';",
};

/** Specifiers by what they try; `file` holds the canary on the host. */
export const importingFrom = (file: string): Readonly<Record<string, string>> => ({
  "node:fs": "node:fs",
  "fs without a scheme": "fs",
  "a package": "lodash",
  "zod, which the child has": "zod",
  "an absolute path": "/etc/passwd",
  "the canary file": file,
  "a file URL": `file://${file}`,
  "a data URL": "data:text/javascript,export default 1",
  "an address": "https://example.com/x.ts",
  "the parent of the repository": "../../../../../etc/passwd",
  "a path that climbs and comes back": "../../../../../../../../etc/../etc/passwd.ts",
  "the root of the repository": "../../../root/secret.ts",
  "another tenant": "../../lab/shared/secret.ts",
  "a project of another tenant": "../../lab/research/secret.ts",
  "another project of the tenant": "../other/secret.ts",
  "tenant.ts": "../tenant.ts",
  "the fleet": "../../fleet/prices.ts",
  "the sandbox's own module": "nebula:sandbox",
  "the main module": "nebula:main",
  "a module inside the vocabulary": "@nebuladb/platform/../evaluate/index",
  "the vocabulary's files": "@nebuladb/platform/record",
  JSON: "./data.json",
  "percent encoding": "./%2e%2e/other/secret.ts",
  backslashes: "..\\other\\secret.ts",
  "a NUL byte": "./x.ts\\0../../lab/shared/secret.ts",
});
