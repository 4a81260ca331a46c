import assert from "node:assert/strict";
import { test } from "node:test";
import { answerHash, exercise, hashed, nearly } from "spectral-lab/lab/index";
import { inNotebook, printed } from "./fake-notebook.js";

test("an exercise answers at once, with the next hint after every wrong answer", async () => {
  const half = exercise("half", nearly(() => 12), ["sort first", "then add"]); // prettier-ignore
  const lines = await printed(() => [10, 12.2, 13, NaN, 12.1].forEach((answer) => half.check(answer)));
  assert.deepEqual(lines, [
    "✗ half: not yet; 10 is too small. Hint: sort first",
    "✗ half: not yet; 12.2 is too large. Hint: then add",
    "✗ half: not yet; 13 is too large. Hint: then add",
    "✗ half: not yet; expected a number, found NaN. Hint: then add",
    "✓ half: right.",
  ]);
  const [shown] = await inNotebook(() => exercise("<x>", () => "no").check(1));
  assert.deepEqual(Object.keys(shown.data), ["text/html", "text/plain"]);
  assert.ok(!shown.data["text/html"].includes("<x>"));
});

test("a hashed answer is compared without being told", () => {
  const judge = hashed(answerHash(0.03125, 2), 2);
  assert.equal(judge(0.031), true);
  assert.equal(judge(0.033), "0.033 is not the answer");
  const word = hashed(answerHash("Embedding"));
  assert.equal(word(" embedding "), true);
  assert.notEqual(word("decoder"), true);
  assert.match(answerHash(1), /^[0-9a-f]{16}$/);
});
