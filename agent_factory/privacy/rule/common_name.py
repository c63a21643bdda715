"""Full names that nothing introduces: a common given name before, or a common surname behind, a capitalised word.

The lists hold names that are common in many countries and are neither places nor ordinary words. A name alone,
and a full name of which neither part is listed, stays: to find those takes a language model.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from agent_factory.privacy.rule.name import names_place, read_name
from agent_factory.privacy.rule.rule import LATIN_WORD, LIKELY, Finding, Look

_NAMES = """
    Aaron Abdul Abigail Adam Adrian Adriana Agnes Agnieszka Ahmed Aisha Ajay Alan Albert Alberto Alejandra Alejandro
    Aleksander Alessandra Alessandro Alex Alexandra Alexandre Alexis Alfred Alfredo Alice Alicia Alina Alison
    Allison Alyssa Amanda Amelia Amelie Amina Amit Amy Ana Anastasia Anders Andrea Andreas Andrei Andrew Andrey
    Angela Angelika Angelo Anil Anita Anja Anjali Ann Anna Anne Annette Anthony Antoine Anton Antonia Antonio Antti
    Arjun Arthur Arturo Ashley Ashok Astrid Audrey Axel Barbara Beatrice Beatriz Benedikt Benjamin Bernadette
    Bernard Bernd Bettina Birgit Bjorn Björn Bogdan Boris Brandon Brenda Brian Brigitte Bruno Bryan Caleb Camila
    Camille Carla Carlo Carlos Carmen Carol Carole Caroline Carolyn Catherine Cathy Cecilia Cedric Chantal Charles
    Charlie Chloe Chloé Chris Christa Christina Christine Christoph Christophe Christopher Cindy Claire Clara Claude
    Claudia Claudio Claus Colin Connor Corinne Craig Cristina Cynthia Céline Damien Dan Daniel Daniela Daniele
    Danielle Danuta David Deborah Debra Dennis Derek Diana Diane Dieter Dimitri Dirk Dmitry Dominik Dominique Donald
    Donna Doris Dorota Dorothy Douglas Duncan Dylan Edith Eduardo Edward Edwin Ekaterina Elaine Eleanor Elena Eleni
    Elias Elif Elisa Elisabeth Elise Elizabeth Ella Ellen Elliot Elsa Emil Emilia Emilie Emily Emma Emmanuel Enrique
    Eric Erica Erik Erika Ernst Esther Ethan Eugene Eva Evelyn Ewa Fabian Fabio Fatima Federico Felipe Felix
    Ferdinand Fernanda Fernando Filip Filippo Flora Florian Frances Francesca Francesco Francis Francisco Franck
    Franziska François Françoise Fred Frederic Frederick Frieda Friedrich Frédéric Gabriel Gabriela Gareth Gary
    Gavin Geoffrey George Georgios Gerald Gerard Gerd Gerhard Gianluca Gillian Gina Giorgio Giovanni Gisela Giulia
    Giuseppe Gloria Gonzalo Gordon Graham Greg Gregory Greta Grzegorz Guido Guillaume Guillermo Gustav Gustavo
    Günter Hanna Hannah Hans Harald Harold Harry Hassan Heather Hector Heidi Heike Heinrich Heinz Helen Helena Helga
    Helmut Hendrik Henri Henrik Henry Herbert Hermann Hiroshi Horst Hugo Hussein Hélène Ian Igor Ilona Ilse Ines
    Inga Ingrid Ioana Irena Irene Irina Isaac Isabel Isabella Isabelle Ivan Iwona Jacob Jacqueline Jacques Jakob
    Jakub James Jamie Jan Jana Jane Janet Janice Janina Jason Javier Jean Jeanne Jeff Jeffrey Jennifer Jens Jeremy
    Jerome Jerry Jesper Jessica Jim Joachim Joan Joanna Joanne Joao Joaquín Jochen Joe Joel Johan Johann Johanna
    Johannes John Johnny Jonas Jonathan Jorge Josef Joseph Josephine Joshua José João Juan Juana Judith Juergen
    Julia Julian Juliana Julie Julien Julio Justin Justyna Jérôme Jürgen Kaito Kamil Karen Karim Karin Karl Karol
    Karsten Katarina Katarzyna Kate Katharina Katherine Kathleen Kathrin Kathryn Kathy Katie Katja Katrin Kavita
    Keith Kelly Kenji Kenneth Kerstin Kevin Khalid Kim Kimberly Klaus Konrad Konstantin Krishna Kristen Kristin
    Kristina Krystyna Krzysztof Kurt Kyle Larry Lars Laura Lauren Laurent Leah Leila Lena Leon Leonardo Leonie
    Leslie Liam Lidia Linda Lisa Lorena Lorenzo Louis Louise Luca Lucas Lucia Lucie Lucy Ludwig Luigi Luis Luisa
    Lukas Lukasz Lydia Lynn Magdalena Maggie Malgorzata Manfred Manuel Manuela Marc Marcel Marcello Marcin Marco
    Marcus Marek Margaret Margarita Maria Mariana Marie Marina Mario Marion Marjorie Markus Marta Martha Martin
    Martina Mary María Masha Mateusz Mathias Mathieu Matteo Matthew Matthias Maurice Mauro Maximilian Małgorzata
    Megan Mehmet Melanie Melissa Mia Michael Michaela Michal Michał Michel Michele Michelle Miguel Mikael Mike
    Mikhail Milena Miriam Mohamed Mohammad Mohammed Mohan Monica Monika Monique Morgan Muhammad Mustafa Nadia Nadine
    Nancy Natalia Natalie Nathalie Nathan Neha Neil Nicholas Nick Nicola Nicolas Nicole Niels Nikolai Nikolaos Nils
    Nina Noah Noel Nora Norbert Norman Olaf Ole Oleg Olga Oliver Olivia Olivier Oscar Oskar Otto Pablo Pamela Paola
    Paolo Pascal Patricia Patrick Paul Paula Pauline Paulo Pavel Pawel Paweł Pedro Peter Petra Philip Philipp
    Philippe Phillip Pierre Pietro Piotr Rachel Rafael Rahul Rainer Rajesh Ralf Ralph Ramesh Ramon Raphael Raquel
    Raul Ravi Raymond Rebecca Regina Renata Renate René Ricardo Riccardo Richard Rita Robert Roberta Roberto Roger
    Roland Rolf Roman Ronald Rosa Rosemary Roy Rudolf Ruth Ryan Sabine Sabrina Sally Salma Sam Samantha Samuel
    Sandra Sanjana Sara Sarah Scott Sean Sebastian Sebastien Sergei Sergey Sergio Shannon Sharon Shaun Shirley
    Silvia Simon Simone Sofia Sofie Sonia Sonja Sophia Sophie Stefan Stefania Stefanie Stefano Steffen Stephan
    Stephane Stephanie Stephen Steve Steven Stuart Stéphane Sunita Suresh Susan Susanna Susanne Suzanne Sven Sylvia
    Sylvie Takashi Tamara Tanja Tatiana Teresa Theodor Theresa Thomas Thorsten Tim Timothy Tina Tom Tomas Tomasz
    Toni Tony Torsten Tracy Tristan Udo Ulrike Ursula Uwe Valentina Valeria Valerie Vanessa Vera Veronica Veronika
    Vijay Vikram Vincent Vincenzo Vladimir Volker Véronique Walter Waltraud Wanda Wendy Werner Wilhelm Willem
    William Wojciech Wolfgang Xavier Yannick Yasmin Yuki Yusuf Yves Yvonne Zainab Zoe Zofia Zuzanna Łukasz
"""
_SURNAMES = """
    Adams Aguilar Ahmad Akhtar Alexander Ali Allen Almeida Alvarado Alvarez Andersen Anderson Andersson Andrews
    Armstrong Arnold Ashworth Atkinson Bailey Barnes Barrett Bauer Baumann Becker Bennett Bergmann Bernard Bhatt
    Bianchi Bishop Bowman Boyd Bradley Brennan Bryant Burke Burton Byrne Böhm Caldwell Campbell Cardoso Carlson
    Carroll Carvalho Castillo Castro Chandra Chapman Chavez Chowdhury Christensen Clarke Coleman Collins Connolly
    Cooper Costa Cox Crawford Cruz Cunningham Davidson Davies Davis Desai Diaz Dixon Dominguez Dubois Duncan Dunn
    Duran Díaz Edwards Elliott Ellis Eriksson Espinosa Esposito Estrada Evans Fernandes Fernandez Fernández Ferrari
    Ferreira Fitzgerald Fleming Fletcher Flores Foster Fournier Fowler Francis Franklin Fraser Freeman Fuchs
    Fujimoto Garcia García Gardner Garrett Gibson Gill Girard Gomes Gomez Gonzales Gonzalez González Goodman Graham
    Greene Griffin Gruber Guerrero Gupta Gustafsson Gutierrez Guzman Gómez Hamilton Hansen Hanson Hansson Harper
    Harris Harrison Hartmann Harvey Hassan Hayashi Hayes Henderson Hernandez Hernández Herrera Hicks Hoffman
    Hoffmann Hopkins Horvath Howard Hughes Hussain Ivanov Jackson Jacobs Jansen Jansson Jenkins Jensen
    Jimenez Jiménez Johansen Johansson Johnson Johnston Jones Kaiser Kapoor Karlsson Kaur Keller Kelly Kennedy Khan
    Kimura Klein Kobayashi Koch Kowalczyk Kowalska Kowalski Krause Kruger Krüger Kumar Köhler Lambert Larsen Larson
    Larsson Lefebvre Lehmann Leroy Lewandowski Lewis Lindberg Lindgren Lopes Lopez Lynch López MacDonald Mahmood
    Maier Maldonado Malik Marino Marques Martinez Martínez Matsumoto Mayer McCarthy McDonald McGrath McKenzie Medina
    Mehta Meier Mendes Mendez Mendoza Meyer Michaud Miller Mitchell Montgomery Moore Morales Moreau Moreno Moretti
    Morris Morrison Mueller Munoz Murphy Murray Muñoz Müller Nair Nakamura Navarro Neumann Nguyen Nielsen Nilsson
    Novak Nowak Nunez O'Brien O'Connor O'Neill Okafor Oliveira Olsen Olson Olsson Ortega Ortiz Osborne Owens Palmer
    Papadopoulos Patel Patterson Pearson Pedersen Pereira Perez Perkins Perry Petrov Petrova Petrović Phillips
    Popescu Popov Powell Pratt Pérez Quinn Rahman Ramirez Ramos Ramírez Rasmussen Reddy Reynolds Ribeiro Richards
    Richardson Richter Riley Rivera Roberts Robertson Robinson Rocha Rodrigues Rodriguez Rodríguez Rogers Romano
    Romero Rossi Rousseau Russell Russo Ryan Salazar Sanchez Sanders Santos Sato Schmid Schmidt Schmitt Schneider
    Scholz Schreiber Schröder Schubert Schulz Schulze Schumacher Schuster Schwartz Schwarz Schäfer Sharma Shaw
    Shimizu Silva Simmons Simpson Singh Smirnov Smith Soares Soto Souza Spencer Stephens Stevens Stewart Suarez
    Sullivan Suzuki Svensson Sánchez Sørensen Takahashi Tanaka Taylor Thompson Thomson Torres Turner Vargas Vasquez
    Vega Verma Vogel Vásquez Wagner Walker Wallace Walsh Watanabe Watkins Watson Weber Weiss Wheeler Whitaker
    Wilkinson Williams Williamson Wilson Wolff Wright Yamamoto Yılmaz Zhang Ziegler Zimmermann
"""
_GIVEN = frozenset(_NAMES.casefold().split())
_LAST = frozenset(_SURNAMES.casefold().split())
_LOW = _GIVEN | frozenset(word for name in _LAST for word in LATIN_WORD.findall(name))
_CAPITAL = regex.compile(r"(?<![\p{L}\d_@.'’-])\p{Lu}[\p{L}'’]+(?=[ \t]+\p{Lu})")
_SAINT = regex.compile(r"(?:San|Santa|St\.?|Saint|Port|Fort|Lake|Mount|Cape|Los|Las)[ \t]+$")


def find_common_names(look: Look) -> Iterator[Finding]:
    """Full names whose first word is a common given name, or whose last one is a common surname."""
    if _LOW.isdisjoint(look.words):
        return
    plain, end = look.plain, 0
    for match in _CAPITAL.finditer(plain):
        if match.start() < end or _SAINT.search(plain[max(0, match.start() - 8) : match.start()]):
            continue
        start, stop, count = read_name(plain, match.start())
        if count < 2 or names_place(plain, start, stop):
            continue
        words = plain[start:stop].casefold().split()
        if words[0] in _GIVEN or words[-1] in _LAST:
            end = stop
            yield Finding("PERSON", start, stop, look.text[start:stop], LIKELY)
