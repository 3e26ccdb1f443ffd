import { asTenant, makeGround, wish } from "../compute/ground.ts";
import { describeComputeDriver } from "./compute-suite.ts";

describeComputeDriver("local", async () => {
  const { driver, clear } = await makeGround();
  await driver.prepare();
  return {
    ...{ driver, wish, clear },
    asTenant: (wanted, body, login) => asTenant(driver, wanted, body, login),
    async crash({ id }) {
      const pid = (await driver.observe(id))?.pid;
      if (pid) process.kill(pid, "SIGKILL");
    },
  };
});
