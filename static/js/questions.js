/** Answers may overtake each other: one that is older than what is shown is not. No DOM. */

export class Questions {
  #asked = 0;
  #shown = 0;

  /** Call it before asking, and what it returns when the answer is there: true if it is to be shown, as it now counts as. */
  ask() {
    const number = (this.#asked += 1);
    return () => {
      if (number < this.#shown) return false;
      this.#shown = number;
      return true;
    };
  }
}
