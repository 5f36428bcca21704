"""A small vasprun.xml in the form that VASP 6 writes, for tests of the reader; numbers are made up."""

_HEAD = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <generator>
  <i name="program" type="string">vasp </i>
  <i name="version" type="string">6.4.2  </i>
  <i name="subversion" type="string">build </i>
  <i name="platform" type="string">LinuxGNU </i>
  <i name="date" type="string">2026 01 01 </i>
  <i name="time" type="string">00:00:00 </i>
 </generator>
 <incar>
  <i type="int" name="ISPIN">     1</i>
  <i type="int" name="NELM">{nelm}</i>
  <i type="string" name="ALGO">Normal</i>
 </incar>
 <kpoints>
  <generation param="Gamma">
   <v type="int" name="divisions">1 1 1</v>
   <v name="usershift">0.0 0.0 0.0</v>
   <v name="genvec1">1.0 0.0 0.0</v><v name="genvec2">0.0 1.0 0.0</v><v name="genvec3">0.0 0.0 1.0</v>
   <v name="shift">0.0 0.0 0.0</v>
  </generation>
  <varray name="kpointlist" ><v> 0.0 0.0 0.0 </v></varray>
  <varray name="weights" ><v> 1.0 </v></varray>
 </kpoints>
 <parameters>
  <separator name="electronic" >
   <i type="int" name="NELM">{nelm}</i>
   <i type="int" name="NELMIN">2</i>
   <i name="NELECT">8.0</i>
   <i type="int" name="ISPIN">1</i>
   <i type="logical" name="LNONCOLLINEAR"> F  </i>
   <i type="logical" name="LSORBIT"> F  </i>
   <i type="logical" name="LHFCALC"> F  </i>
   <i type="logical" name="LDAU"> F  </i>
   <i type="string" name="GGA">PE</i>
   <i name="AEXX">0.0</i>
   <i name="HFSCREEN">0.0</i>
  </separator>
  <separator name="ionic" >
   <i type="int" name="NSW">0</i>
   <i type="int" name="IBRION">-1</i>
   <i name="EDIFFG">-0.02</i>
  </separator>
 </parameters>
 <atominfo>
  <atoms> 2 </atoms>
  <types> 2 </types>
  <array name="atoms" >
   <dimension dim="1">ion</dimension><field type="string">element</field><field type="int">atomtype</field>
   <set><rc><c>Mg</c><c> 1</c></rc><rc><c>O </c><c> 2</c></rc></set>
  </array>
  <array name="atomtypes" >
   <dimension dim="1">type</dimension>
   <field type="int">atomspertype</field><field type="string">element</field><field>mass</field><field>valence</field>
   <field type="string">pseudopotential</field>
   <set><rc><c> 1</c><c>Mg</c><c> 24.3</c><c> 2.0</c><c> PAW_PBE Mg 13Apr2007 </c></rc>
    <rc><c> 1</c><c>O </c><c> 16.0</c><c> 6.0</c><c> PAW_PBE O 08Apr2002 </c></rc></set>
  </array>
 </atominfo>
"""
_STRUCTURE = """ <structure{name}>
  <crystal>
   <varray name="basis" ><v> 0.0 2.1 2.1 </v><v> 2.1 0.0 2.1 </v><v> 2.1 2.1 0.0 </v></varray>
   <i name="volume"> 18.522 </i>
   <varray name="rec_basis" ><v> -.238 .238 .238 </v><v> .238 -.238 .238 </v><v> .238 .238 -.238 </v></varray>
  </crystal>
  <varray name="positions" ><v> 0.0 0.0 0.0 </v><v> 0.5 0.5 0.5 </v></varray>
 </structure>
"""
_STEP = """  <scstep><time name="dav"> 1.0 1.0</time><energy>
   <i name="e_fr_energy"> {energy} </i><i name="e_wo_entrp"> {energy} </i><i name="e_0_energy"> {energy} </i>
  </energy></scstep>
"""


def text(*, steps: int = 3, nelm: int = 60, energy: float = -12.5, edges: tuple[float, float] = (2.0, 6.5)) -> str:
    """The file of a static calculation with `steps` electronic steps, valence and conduction edge at `edges`."""
    bands = [(edges[0] - 15, 1), (edges[0] - 2, 1), (edges[0] - 1, 1), (edges[0], 1), (edges[1], 0), (edges[1] + 2, 0)]
    rows = "".join(f"<r> {e:.4f} {o:.4f} </r>" for e, o in bands)
    ends = f"""  <energy>
   <i name="e_fr_energy"> {energy} </i><i name="e_wo_entrp"> {energy} </i><i name="e_0_energy"> {energy} </i>
  </energy>
  <varray name="forces" ><v> 0.0 0.0 0.01 </v><v> 0.0 0.0 -0.01 </v></varray>
  <varray name="stress" ><v> 0 0 0 </v><v> 0 0 0 </v><v> 0 0 0 </v></varray>
  <eigenvalues><array>
   <dimension dim="1">band</dimension><dimension dim="2">kpoint</dimension><dimension dim="3">spin</dimension>
   <field>eigene</field><field>occ</field>
   <set><set comment="spin 1"><set comment="kpoint 1">{rows}</set></set></set>
  </array></eigenvalues>
  <dos><i name="efermi"> {sum(edges) / 2} </i></dos>
"""
    return (
        _HEAD.format(nelm=nelm)
        + _STRUCTURE.format(name=' name="initialpos" ')
        + " <calculation>\n"
        + _STEP.format(energy=energy) * steps
        + _STRUCTURE.format(name="")
        + ends
        + " </calculation>\n"
        + _STRUCTURE.format(name=' name="finalpos" ')
        + "</modeling>\n"
    )
