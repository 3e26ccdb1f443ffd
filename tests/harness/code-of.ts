/** The code that a promise failed with, or "no error". */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no error",
    (thrown) => String(thrown.code),
  );
