"""The literature that a study's text may cite, and which of it each agent rests on.

A DOI stands only where it was found with the same title or the same journal, volume and pages.
"""

import re
from typing import NamedTuple


class Reference(NamedTuple):
    """A work: authors, year, title, where it appeared; its DOI where it is sure."""

    text: str
    doi: str | None = None


REFERENCES = {
    # Finite elements and strength
    "Pistoia 2002": Reference(
        "Pistoia W, van Rietbergen B, Lochmüller EM, Lill CA, Eckstein F, Rüegsegger P (2002). Estimation of distal "
        "radius failure load with micro-finite element analysis models based on three-dimensional peripheral "
        "quantitative computed tomography images. Bone 30:842–848.",
        "10.1016/S8756-3282(02)00736-6",
    ),
    "Niebur 1999": Reference(
        "Niebur GL, Yuen JC, Hsia AC, Keaveny TM (1999). Convergence behavior of high-resolution finite element models "
        "of trabecular bone. Journal of Biomechanical Engineering 121:629–635.",
        "10.1115/1.2800865",
    ),
    "Zysset 1999": Reference(
        "Zysset PK, Guo XE, Hoffler CE, Moore KE, Goldstein SA (1999). Elastic modulus and hardness of cortical and "
        "trabecular bone lamellae measured by nanoindentation in the human femur. Journal of Biomechanics "
        "32:1005–1012."
    ),
    "Notay 2000": Reference(
        "Notay Y (2000). Flexible conjugate gradients. SIAM Journal on Scientific Computing 22:1444–1460.",
        "10.1137/S1064827599362314",
    ),
    "van der Vorst & Ye 2000": Reference(
        "van der Vorst HA, Ye Q (2000). Residual replacement strategies for Krylov subspace iterative methods for the "
        "convergence of true residuals. SIAM Journal on Scientific Computing 22:835–852.",
        "10.1137/S1064827599353865",
    ),
    "Notay & Vassilevski 2008": Reference(
        "Notay Y, Vassilevski PS (2008). Recursive Krylov-based multigrid cycles. Numerical Linear Algebra with "
        "Applications 15:473–487.",
        "10.1002/nla.542",
    ),
    "Dick 2011": Reference(
        "Dick C, Georgii J, Westermann R (2011). A hexahedral multigrid approach for simulating cuts in deformable "
        "objects. IEEE Transactions on Visualization and Computer Graphics 17:1663–1675."
    ),
    "Meurant & Tichý 2019": Reference(
        "Meurant G, Tichý P (2019). Approximating the extreme Ritz values and upper bounds for the A-norm of the error "
        "in CG. Numerical Algorithms 82:937–968.",
        "10.1007/s11075-018-0634-8",
    ),
    # Structure
    "Bouxsein 2010": Reference(
        "Bouxsein ML, Boyd SK, Christiansen BA, Guldberg RE, Jepsen KJ, Müller R (2010). Guidelines for assessment of "
        "bone microstructure in rodents using micro-computed tomography. Journal of Bone and Mineral Research "
        "25:1468–1486.",
        "10.1002/jbmr.141",
    ),
    "Hildebrand & Rüegsegger 1997": Reference(
        "Hildebrand T, Rüegsegger P (1997). A new method for the model-independent assessment of thickness in "
        "three-dimensional images. Journal of Microscopy 185:67–75.",
        "10.1046/j.1365-2818.1997.1340694.x",
    ),
    "Odgaard & Gundersen 1993": Reference(
        "Odgaard A, Gundersen HJG (1993). Quantification of connectivity in cancellous bone, with special emphasis on "
        "3-D reconstructions. Bone 14:173–182.",
        "10.1016/8756-3282(93)90245-6",
    ),
    "Hildebrand & Rüegsegger 1997b": Reference(
        "Hildebrand T, Rüegsegger P (1997b). Quantification of bone microarchitecture with the structure model index. "
        "Computer Methods in Biomechanics and Biomedical Engineering 1:15–23."
    ),
    "Hildebrand 1999": Reference(
        "Hildebrand T, Laib A, Müller R, Dequeker J, Rüegsegger P (1999). Direct three-dimensional morphometric "
        "analysis of human cancellous bone: microstructural data from spine, femur, iliac crest, and calcaneus. "
        "Journal of Bone and Mineral Research 14:1167–1174."
    ),
    "Harrigan & Mann 1984": Reference(
        "Harrigan TP, Mann RW (1984). Characterization of microstructural anisotropy in orthotropic materials using a "
        "second rank tensor. Journal of Materials Science 19:761–767.",
        "10.1007/BF00540446",
    ),
    "Odgaard 1997": Reference(
        "Odgaard A (1997). Three-dimensional methods for quantification of cancellous bone architecture. Bone "
        "20:315–328."
    ),
    # Tissue that softens
    "Bayraktar 2004": Reference(
        "Bayraktar HH, Morgan EF, Niebur GL, Morris GE, Wong EK, Keaveny TM (2004). Comparison of the elastic and "
        "yield properties of human femoral trabecular and cortical bone tissue. Journal of Biomechanics 37:27–35."
    ),
    "Niebur 2000": Reference(
        "Niebur GL, Feldstein MJ, Yuen JC, Chen TJ, Keaveny TM (2000). High-resolution finite element models with "
        "tissue strength asymmetry accurately predict failure of trabecular bone. Journal of Biomechanics "
        "33:1575–1583."
    ),
    "Stipsitz 2020": Reference(
        "Stipsitz M, Zysset PK, Pahr DH (2020). Efficient materially nonlinear µFE solver for simulations of "
        "trabecular bone failure. Biomechanics and Modeling in Mechanobiology 19:861–874."
    ),
    # The surface and its signal
    "Osher & Fedkiw 2003": Reference(
        "Osher S, Fedkiw R (2003). Level Set Methods and Dynamic Implicit Surfaces. Applied Mathematical Sciences 153. "
        "Springer, New York.",
        "10.1007/b98879",
    ),
    "Russo & Smereka 2000": Reference(
        "Russo G, Smereka P (2000). A remark on computing distance functions. Journal of Computational Physics "
        "163:51–67.",
        "10.1006/jcph.2000.6553",
    ),
    "du Chéné 2008": Reference(
        "du Chéné A, Min C, Gibou F (2008). Second-order accurate computation of curvatures in a level set framework "
        "using novel high-order reinitialization schemes. Journal of Scientific Computing 35:114–131."
    ),
    "Sussman & Fatemi 1999": Reference(
        "Sussman M, Fatemi E (1999). An efficient, interface-preserving level set redistancing algorithm and its "
        "application to interfacial incompressible fluid flow. SIAM Journal on Scientific Computing 20:1165–1191.",
        "10.1137/S1064827596298245",
    ),
    "Schulte 2013": Reference(
        "Schulte FA, Zwahlen A, Lambers FM, Kuhn G, Ruffoni D, Betts D, Webster DJ, Müller R (2013). Strain-adaptive "
        "in silico modeling of bone adaptation: a computer simulation validated by in vivo micro-computed tomography "
        "data. Bone 52:485–492."
    ),
    "Christen 2012": Reference(
        "Christen P, van Rietbergen B, Lambers FM, Müller R, Ito K (2012). Bone morphology allows estimation of "
        "loading history in a murine model of bone adaptation. Biomechanics and Modeling in Mechanobiology 11:483–492."
    ),
    "Christen 2014": Reference(
        "Christen P, Ito K, Ellouz R, Boutroy S, Sornay-Rendu E, Chapurlat RD, van Rietbergen B (2014). Bone "
        "remodelling in humans is load-driven but not lazy. Nature Communications 5:4855.",
        "10.1038/ncomms5855",
    ),
    "Turner 1999": Reference(
        "Turner CH (1999). Toward a mathematical description of bone biology: the principle of cellular accommodation. "
        "Calcified Tissue International 65:466–471."
    ),
    # Remodelling units and mineral
    "Recker 2004": Reference(
        "Recker R, Lappe J, Davies KM, Heaney R (2004). Bone remodeling increases substantially in the years after "
        "menopause and remains increased in older osteoporosis patients. Journal of Bone and Mineral Research "
        "19:1628–1633."
    ),
    "Lips 1978": Reference(
        "Lips P, Courpron P, Meunier PJ (1978). Mean wall thickness of trabecular bone packets in the human iliac "
        "crest: changes with age. Calcified Tissue Research 26:13–17."
    ),
    "Liu 2008": Reference(
        "Liu XS, Huang AH, Zhang XH, Sajda P, Ji B, Guo XE (2008). Dynamic simulation of three dimensional "
        "architectural and mechanical alterations in human trabecular bone during menopause. Bone 43:292–301."
    ),
    "Efraimidis & Spirakis 2006": Reference(
        "Efraimidis PS, Spirakis PG (2006). Weighted random sampling with a reservoir. Information Processing Letters "
        "97:181–185.",
        "10.1016/j.ipl.2005.11.003",
    ),
    "Ruffoni 2007": Reference(
        "Ruffoni D, Fratzl P, Roschger P, Klaushofer K, Weinkamer R (2007). The bone mineralization density "
        "distribution as a fingerprint of the mineralization process. Bone 40:1308–1319.",
        "10.1016/j.bone.2007.01.012",
    ),
    "Martínez-Reina & Pivonka 2019": Reference(
        "Martínez-Reina J, Pivonka P (2019). Effects of long-term treatment of denosumab on bone mineral density: "
        "insights from an in-silico model of bone mineralization. Bone 125:87–95.",
        "10.1016/j.bone.2019.04.022",
    ),
    # Cells and hormones
    "Lemaire 2004": Reference(
        "Lemaire V, Tobin FL, Greller LD, Cho CR, Suva LJ (2004). Modeling the interactions between osteoblast and "
        "osteoclast activities in bone remodeling. Journal of Theoretical Biology 229:293–309.",
        "10.1016/j.jtbi.2004.03.023",
    ),
    "Peterson & Riggs 2010": Reference(
        "Peterson MC, Riggs MM (2010). A physiologically based mathematical model of integrated calcium homeostasis "
        "and bone remodeling. Bone 46:49–63.",
        "10.1016/j.bone.2009.08.053",
    ),
    "Jörg 2022": Reference(
        "Jörg DJ, Fuertinger DH, Cherif A, Bushinsky DA, Mermelstein A, Raimann JG, Kotanko P (2022). Modeling "
        "osteoporosis to design and optimize pharmacological therapies comprising multiple drug types. eLife "
        "11:e76228.",
        "10.7554/eLife.76228",
    ),
    "McDonald 2021": Reference(
        "McDonald MM, Khoo WH, Ng PY, et al. (2021). Osteoclasts recycle via osteomorphs during RANKL-stimulated bone "
        "resorption. Cell 184:1330–1347.",
        "10.1016/j.cell.2021.02.002",
    ),
    "Randolph 2011": Reference(
        "Randolph JF Jr, Zheng H, Sowers MR, et al. (2011). Change in follicle-stimulating hormone and estradiol "
        "across the menopausal transition: effect of age at the final menstrual period. Journal of Clinical "
        "Endocrinology and Metabolism 96:746–754.",
        "10.1210/jc.2010-1746",
    ),
    "Khosla 2005": Reference(
        "Khosla S, Melton LJ 3rd, Robb RA, et al. (2005). Relationship of volumetric BMD and structural parameters at "
        "different skeletal sites to sex steroid levels in men. Journal of Bone and Mineral Research 20:730–740."
    ),
    "Finkelstein 2016": Reference(
        "Finkelstein JS, Lee H, Leder BZ, et al. (2016). Gonadal steroid-dependent effects on bone turnover and bone "
        "mineral density in men. Journal of Clinical Investigation 126:1114–1125."
    ),
    "Hochbruck & Ostermann 2010": Reference(
        "Hochbruck M, Ostermann A (2010). Exponential integrators. Acta Numerica 19:209–286.",
        "10.1017/S0962492910000048",
    ),
    # Agents
    "Khan 1997": Reference(
        "Khan SA, Kanis JA, Vasikaran S, et al. (1997). Elimination and biochemical responses to intravenous "
        "alendronate in postmenopausal osteoporosis. Journal of Bone and Mineral Research 12:1700–1707."
    ),
    "Cummings 2009": Reference(
        "Cummings SR, San Martin J, McClung MR, et al. (2009). Denosumab for prevention of fractures in postmenopausal "
        "women with osteoporosis. New England Journal of Medicine 361:756–765.",
        "10.1056/NEJMoa0809493",
    ),
    "Cosman 2016": Reference(
        "Cosman F, Crittenden DB, Adachi JD, et al. (2016). Romosozumab treatment in postmenopausal women with "
        "osteoporosis. New England Journal of Medicine 375:1532–1543.",
        "10.1056/NEJMoa1607948",
    ),
    "Black 2007": Reference(
        "Black DM, Delmas PD, Eastell R, et al. (2007). Once-yearly zoledronic acid for treatment of postmenopausal "
        "osteoporosis. New England Journal of Medicine 356:1809–1822.",
        "10.1056/NEJMoa067312",
    ),
    "Ettinger 1999": Reference(
        "Ettinger B, Black DM, Mitlak BH, et al. (1999). Reduction of vertebral fracture risk in postmenopausal women "
        "with osteoporosis treated with raloxifene: results from a 3-year randomized clinical trial. JAMA 282:637–645.",
        "10.1001/jama.282.7.637",
    ),
    "Ettinger 2004": Reference(
        "Ettinger B, Ensrud KE, Wallace R, et al. (2004). Effects of ultralow-dose transdermal estradiol on bone "
        "mineral density: a randomized clinical trial. Obstetrics and Gynecology 104:443–451."
    ),
    "PEPI 1996": Reference(
        "The Writing Group for the PEPI Trial (1996). Effects of hormone therapy on bone mineral density: results from "
        "the postmenopausal estrogen/progestin interventions (PEPI) trial. JAMA 276:1389–1396."
    ),
    "McClung 2005": Reference(
        "McClung MR, San Martin J, Miller PD, et al. (2005). Opposite bone remodeling effects of teriparatide and "
        "alendronate in increasing bone mass. Archives of Internal Medicine 165:1762–1768."
    ),
    "Neer 2001": Reference(
        "Neer RM, Arnaud CD, Zanchetta JR, et al. (2001). Effect of parathyroid hormone (1-34) on fractures and bone "
        "mineral density in postmenopausal women with osteoporosis. New England Journal of Medicine 344:1434–1441.",
        "10.1056/NEJM200105103441904",
    ),
    "Burnett-Bowie 2009": Reference(
        "Burnett-Bowie SAM, McKay EA, Lee H, Leder BZ (2009). Effects of aromatase inhibition on bone mineral density "
        "and bone turnover in older men with low testosterone levels. Journal of Clinical Endocrinology and Metabolism "
        "94:4785–4792."
    ),
    "Leder 2005": Reference(
        "Leder BZ, Finkelstein JS (2005). Effect of aromatase inhibition on bone metabolism in elderly hypogonadal "
        "men. Osteoporosis International 16:1487–1494."
    ),
    "Geisler 1996": Reference(
        "Geisler J, King N, Dowsett M, et al. (1996). Influence of anastrozole (Arimidex), a selective, non-steroidal "
        "aromatase inhibitor, on in vivo aromatisation and plasma oestrogen levels in postmenopausal women with breast "
        "cancer. British Journal of Cancer 74:1286–1291."
    ),
    "Kenny 2010": Reference(
        "Kenny AM, Kleppinger A, Annis K, et al. (2010). Effects of transdermal testosterone on bone and muscle in "
        "older men with low bioavailable testosterone levels, low bone mass, and physical frailty. Journal of the "
        "American Geriatrics Society 58:1134–1143."
    ),
}
AGENTS = {
    "alendronate": ("Khan 1997",),
    "alendronate_low": ("Khan 1997",),
    "anastrozole": ("Burnett-Bowie 2009", "Leder 2005", "Geisler 1996"),
    "denosumab": ("Cummings 2009", "Martínez-Reina & Pivonka 2019"),
    "estrogen_low": ("Ettinger 2004",),
    "progestin": ("PEPI 1996",),
    "raloxifene": ("Ettinger 1999",),
    "romosozumab": ("Cosman 2016",),
    "teriparatide": ("McClung 2005", "Neer 2001"),
    "testosterone": ("Kenny 2010",),
    "zoledronate": ("Black 2007", "Khan 1997"),
}
"""Works behind the numbers of each agent; an agent that is not here has product labels or chosen numbers."""
SOFTWARE = "trabfem"
OWN_AUTHORS, OWN_TITLE = "trabfem contributors", "trabfem: voxel micro-FE and remodelling of trabecular bone"
"""As in CITATION.cff, which is not installed with the package."""
BRACKETS = re.compile(r"\[([^\[\]]+)\]")


def cite(*keys: str) -> str:
    """ "[Pistoia 2002; Niebur 1999]"; KeyError for a work that the library does not hold."""
    for key in keys:
        if key != SOFTWARE:
            REFERENCES[key]
    return f"[{'; '.join(keys)}]"


def keys_in(text: str) -> list[str]:
    """The works that a text cites, in the order in which it does; brackets that hold anything else are passed over."""
    found = [key.strip() for inside in BRACKETS.findall(text) for key in inside.split(";")]
    return [key for key in found if key in REFERENCES or key == SOFTWARE]


def own_reference(version: str | None) -> Reference:
    """The reference of the software itself, in the version that computed the study."""
    said = f" Version {version}." if version else ""
    return Reference(f"{OWN_AUTHORS}. {OWN_TITLE}.{said} Computer software, MIT licence.")
