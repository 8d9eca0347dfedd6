import { render } from "@testing-library/react";
import { expect, it } from "vitest";
import { RichLine } from "@/components/rich-line";

it.each([
  ["try `kyros run retry`, then `x`.", ["kyros run retry", "x"]],
  ["there is no ```sh run block and no ```diff; see `kyros run log`.", ["kyros run log"]],
  ["one ` alone", []],
])("%s", (text, code) => {
  const { container } = render(<RichLine text={text} />);
  expect([...container.querySelectorAll("code")].map((element) => element.textContent)).toEqual(code);
});
