/** Looks for secrets in whatever a platform shows or leaves: as they are, and as they look after the usual encodings. */
export type Canary = { readonly name: string; readonly value: string };
export type Sink = { readonly name: string; readonly content: Buffer };

/** Every shape in which a secret's bytes can stand in a text. */
export function shapesOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const shapes = new Set([
    value,
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    encodeURIComponent(value),
    new URLSearchParams({ v: value }).toString().slice(2),
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(JSON.stringify(value)).slice(3, -3),
    [...value].reverse().join(""),
    ...base64Shapes(bytes),
  ]);
  return [...shapes].filter((shape) => shape.length >= 8);
}

/** Base64 of any text that holds the bytes: three places in a group of three, without what depends on the neighbours. */
function base64Shapes(bytes: Buffer): string[] {
  const shapes: string[] = [];
  for (let offset = 0; offset < 3; offset++) {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
    const text = padded.toString("base64").replace(/=+$/, "");
    const stable = text.slice(offset === 0 ? 0 : offset + 1, padded.length % 3 === 0 ? undefined : -1);
    shapes.push(stable, stable.replaceAll("+", "-").replaceAll("/", "_"));
  }
  return shapes;
}

/** `<canary> in <sink>` for each find. Never the value itself. */
export function findLeaks(canaries: readonly Canary[], sinks: readonly Sink[]): string[] {
  const wanted = canaries.flatMap(({ name, value }) =>
    shapesOf(value).map((shape) => ({ name, shape: Buffer.from(shape) })),
  );
  return sinks.flatMap(({ name, content }) =>
    [...new Set(wanted.filter(({ shape }) => content.includes(shape)).map((one) => one.name))].map(
      (canary) => `${canary} stands in ${name}`,
    ),
  );
}
