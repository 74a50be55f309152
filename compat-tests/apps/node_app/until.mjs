// Waits for something to become true, and says what it was if it does not.
const LONGEST = 60_000;

export async function until(look, what) {
  const deadline = Date.now() + LONGEST;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
