import {
  DefaultIntrinsics,
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSRuntime,
  type QuickJSWASMModule,
  RELEASE_SYNC,
} from "quickjs-emscripten";

/*
 * The only door to QuickJS. Each run has a runtime and a context of its own: no host function, no clock, a memory limit, a
 * stack limit, and an interrupt after so many steps (the same number on every machine) or so much time, whichever is first.
 */
export type Frame = { readonly file: string; readonly line: number; readonly column: number };

export type Outcome =
  | { readonly kind: "value"; readonly json: string }
  | {
      readonly kind: "threw";
      readonly name: string;
      readonly message: string;
      /** Innermost first; columns count code points, as QuickJS does. */
      readonly frames: readonly Frame[];
    }
  | { readonly kind: "time" }
  | { readonly kind: "memory" };

/** Where the modules of a run come from. An Error stands for "not allowed" and "not there"; the owner knows which. */
export type Loader = {
  readonly resolve: (from: string, specifier: string) => string | Error;
  readonly load: (name: string) => string | Error;
};

export type Limits = { readonly memoryBytes: number; readonly timeMs: number };

export type Sandbox = { readonly run: (main: string, loader: Loader, limits: Limits) => Promise<Outcome> };

/** Part of Node, but not of its types. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => never;
};

export const mainModule = "nebula:main";

const page = 64 * 1024;
const stackBytes = 128 * 1024;
/** QuickJS asks about every 10,000 steps: some 50 million steps, a second or two. */
const mostInterrupts = 40_000;
const mostJobRounds = 1_000;
const mostMessage = 300;

export function makeSandbox(): Sandbox {
  let module: QuickJSWASMModule | undefined;
  return {
    run: async (main, loader, limits) => {
      module ??= await makeModule(limits.memoryBytes);
      try {
        return runIn(module, main, loader, limits);
      } catch {
        // The host gave up inside it (its own stack, an assertion after a memory failure): the instance cannot be trusted.
        module = undefined;
        return { kind: "memory" };
      }
    },
  };
}

/** A fresh instance whose whole memory, leaks included, cannot outgrow twice the limit of a run. */
async function makeModule(memoryBytes: number): Promise<QuickJSWASMModule> {
  const wasmMemory = new WebAssembly.Memory({ initial: 256, maximum: Math.max(512, (2 * memoryBytes) / page) });
  return newQuickJSWASMModuleFromVariant(newVariant(RELEASE_SYNC, { wasmMemory }));
}

function runIn(module: QuickJSWASMModule, main: string, loader: Loader, limits: Limits): Outcome {
  const deadline = performance.now() + limits.timeMs;
  let interrupts = 0;
  let timedOut = false;
  const runtime = module.newRuntime();
  runtime.setMemoryLimit(limits.memoryBytes);
  runtime.setMaxStackSize(stackBytes);
  runtime.setInterruptHandler(() => {
    interrupts += 1;
    timedOut ||= interrupts > mostInterrupts || performance.now() > deadline;
    return timedOut;
  });
  runtime.setModuleLoader(
    (name) => orFailure(loader.load(name)),
    (from, specifier) => orFailure(loader.resolve(from, specifier)),
  );
  const context = runtime.newContext({ intrinsics: { ...DefaultIntrinsics, Date: false } });
  const outcome = evaluate(runtime, context, main, () => timedOut);
  context.dispose();
  runtime.dispose();
  return timedOut ? { kind: "time" } : outcome;
}

const orFailure = (value: string | Error): string | { error: Error } =>
  typeof value === "string" ? value : { error: value };

function evaluate(runtime: QuickJSRuntime, context: QuickJSContext, main: string, timedOut: () => boolean): Outcome {
  const result = context.evalCode(main, mainModule, { type: "module" });
  if (result.error !== undefined) return result.error.consume((error) => threw(context.dump(error)));
  using value = result.value;
  for (let round = 0; round < mostJobRounds && runtime.hasPendingJob() && !timedOut(); round += 1) {
    const jobs = runtime.executePendingJobs(100);
    if (jobs.error !== undefined) return jobs.error.consume((error) => threw(jobs.error?.context.dump(error)));
    jobs.dispose();
  }
  const state = context.getPromiseState(value);
  if (state.type === "pending")
    return { kind: "threw", name: "Error", message: "the declaration awaits something that never comes", frames: [] };
  if (state.type === "rejected") return state.error.consume((error) => threw(context.dump(error)));
  const json = context.getProp(state.value, "out").consume((out) => context.getString(out));
  if (!state.notAPromise) state.value.dispose();
  return { kind: "value", json };
}

/** What was thrown may be anything, and its texts of any size: the program made it. */
function threw(thrown: unknown): Outcome {
  const { name, message, stack } = (typeof thrown === "object" && thrown !== null ? thrown : { message: thrown }) as {
    readonly name?: unknown;
    readonly message?: unknown;
    readonly stack?: unknown;
  };
  if (name === "InternalError" && (message === "out of memory" || message === "stack overflow"))
    return { kind: "memory" };
  return {
    kind: "threw",
    name: text(name, "Error"),
    message: text(message, "something that is no error was thrown"),
    frames: framesOf(typeof stack === "string" ? stack.slice(0, 10_000) : ""),
  };
}

const text = (value: unknown, otherwise: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a log
  (typeof value === "string" ? value : otherwise).replaceAll(/[\u0000-\u001f\u007f]+/g, " ").slice(0, mostMessage);

const framesOf = (stack: string): Frame[] =>
  stack.split("\n").flatMap((line) => {
    const [, file, at, column] = /([^\s()]+):(\d+):(\d+)\)?\s*$/.exec(line) ?? [];
    return file === undefined ? [] : [{ file, line: Number(at), column: Number(column) }];
  });
