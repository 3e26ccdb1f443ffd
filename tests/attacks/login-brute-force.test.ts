import { afterAll, beforeAll } from "vitest";
import { asNebulaError } from "../../platform/core/index.ts";
import type { Passwords } from "../../platform/identity/index.ts";
import { type Auth, defaultAttemptLimits, signInWithPassword } from "../../portal/auth/index.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow } from "../harness/row.ts";
import { addPerson } from "../identity/people.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";

let portal: TestPortal;
beforeAll(async () => {
  portal = await startPortal();
});
afterAll(() => portal.close());

const { perAccount, perAddress } = defaultAttemptLimits;

type Guess = { readonly email: string; readonly password: string; readonly network: string };
type Siege = { readonly way: string; readonly guesses: readonly Guess[]; readonly looks: number };

catalogueRow({
  suite: "attacks",
  name: "login brute force",
  promise: "no guesser signs in, and no more guesses are looked at than the limiter allows",
  n: { small: 10_000, large: 10_000 },
  async run({ n, random, guarded }) {
    const violations: string[] = [];
    let [trials, limited, looked] = [0, 0, 0];
    const auth = watched(guarded ? portal.auth : unlimited(portal.auth), () => {
      looked++;
    });
    for (const siege of await sieges(random, n)) {
      looked = 0;
      for (let at = 0; at < siege.guesses.length; at += 50) {
        const burst = siege.guesses.slice(at, at + 50);
        const endings = await Promise.all(burst.map((guess) => attempt(auth, guess)));
        trials += endings.length;
        limited += endings.filter((kind) => kind === "limited").length;
        for (const kind of endings) if (kind === "signed-in") violations.push(`${siege.way}: signed in`);
      }
      if (looked > siege.looks) violations.push(`${siege.way}: ${looked} guesses were looked at, not ${siege.looks}`);
    }
    return { trials, violations, figures: { limited } };
  },
  control: { without: "the limiter", n: 600 },
});

/** Three ways to guess. In each the right password comes later than the limiter looks. */
async function sieges(random: Random, n: number): Promise<Siege[]> {
  const third = Math.ceil(n / 3);
  const network = () => `10.${random.int(0, 255)}.${random.int(0, 255)}.${random.int(1, 254)}`;
  const right = () => `the right password ${random.int(0, 1e9)}`;
  const wrong = (i: number) => `wrong password ${i}`;
  const [one, many, sprayed] = [right(), right(), right()];
  const [victim, hunted, last] = [
    await addPerson(portal, { password: one }),
    await addPerson(portal, { password: many }),
    await addPerson(portal, { password: sprayed }),
  ];
  const home = network();
  const late = (least: number) => random.int(least, third - 1);
  const [hitOne, hitMany, hitSpray] = [late(perAccount), late(perAccount), late(perAddress)];
  const guess = (email: string | null, password: string, from: string) => ({
    email: email ?? "",
    password,
    network: from,
  });
  const each = (make: (i: number) => Guess) => Array.from({ length: third }, (_, i) => make(i));
  const sprayer = network();
  return [
    {
      way: "one account from one network",
      looks: perAccount,
      guesses: each((i) => guess(victim.email, i === hitOne ? one : wrong(i), home)),
    },
    {
      way: "one account from a botnet",
      looks: perAccount,
      guesses: each((i) => guess(hunted.email, i === hitMany ? many : wrong(i), network())),
    },
    {
      way: "one password for every account",
      looks: perAddress,
      guesses: each((i) => guess(i === hitSpray ? last.email : `nobody.${i}@shop.example`, sprayed, sprayer)),
    },
  ];
}

async function attempt(auth: Auth, { email, password, network }: Guess): Promise<string> {
  try {
    const client = { address: network, agent: "guesser", network };
    return (await signInWithPassword(auth, { email, password }, client)).kind;
  } catch (thrown) {
    // More hashes at once than the machine is given for.
    if (asNebulaError(thrown).code === "NEB666") return "limited";
    throw thrown;
  }
}

/** The oracle: how many passwords were looked at, counted where that is done. */
function watched(auth: Auth, onLook: () => void): Auth {
  const { passwords } = auth.identity;
  const verify: Passwords["verify"] = (stored, password) => {
    onLook();
    return passwords.verify(stored, password);
  };
  return { ...auth, identity: { ...auth.identity, passwords: { ...passwords, verify } } };
}

const nothing = async () => undefined;
const unlimited = (auth: Auth): Auth => ({
  ...auth,
  limiter: { ...auth.limiter, password: async () => ({ kind: "admitted", succeeded: nothing, halfway: nothing }) },
});
