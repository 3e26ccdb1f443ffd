import type { DatabaseId } from "../../platform/spec/index.ts";

/** What the pool asks of the keeper (gateway/keeper). */
export type PoolKeeper = { enter(id: DatabaseId, why: "pooled"): Promise<Entered> };

export type Entered = {
  readonly socketPath: string;
  touch(): void;
  leave(): void;
  /** False when a suspend won the race against this session. */
  confirm(): boolean;
};

/** One that has several owners: the keeper is told when the last of them leaves. */
export type Kept = Entered & { share(): void };

export function keep(entered: Entered): Kept {
  let owners = 1;
  return {
    socketPath: entered.socketPath,
    touch: () => entered.touch(),
    confirm: () => entered.confirm(),
    share() {
      owners += 1;
    },
    leave() {
      owners -= 1;
      if (owners === 0) entered.leave();
    },
  };
}
