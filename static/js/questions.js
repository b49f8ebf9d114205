/** Answers may overtake each other: one that is older than what is shown is not. No DOM. */

export class Questions {
  #asked = 0;
  #shown = 0;

  /** Call it before asking. What it returns is asked when the answer is there, and says whether it is to be shown. */
  ask() {
    const number = (this.#asked += 1);
    return () => {
      if (number < this.#shown) return false;
      this.#shown = number;
      return true;
    };
  }
}
